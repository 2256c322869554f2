-- One row for each of the last minutes with calls, oldest first: how many minutes ago, calls and cost.
-- minutes: how many.
SELECT
    dateDiff('minute', toStartOfMinute(started_at), now64(9, 'UTC')) AS minutes_ago,
    count() AS calls,
    sum(ifNull(calls.cost_usd, 0)) AS cost_usd
FROM calls
WHERE tenant = {tenant:String} AND billable AND started_at >= now64(9, 'UTC') - toIntervalMinute({minutes:UInt32})
GROUP BY minutes_ago
ORDER BY minutes_ago DESC
