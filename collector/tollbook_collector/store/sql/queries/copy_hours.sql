-- One row for each hour with more or other calls than when it was last searched for copies, newest first.
SELECT
    hour,
    sum(spend_hourly.calls) + sum(spend_hourly.copies) AS calls
FROM spend_hourly
GROUP BY hour
HAVING calls != 0 AND (hour, calls) NOT IN (SELECT hour, argMax(copy_rounds.calls, found_at) FROM copy_rounds WHERE copy_rounds.calls != 0 GROUP BY hour)
ORDER BY hour DESC
LIMIT {limit:UInt32}
