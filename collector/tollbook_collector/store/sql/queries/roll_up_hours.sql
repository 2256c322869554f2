-- One row for each hour of the last two days that has been over for an hour, newest first: how many calls it has, copies included.
SELECT
    hour,
    sum(spend_hourly.calls) + sum(spend_hourly.copies) AS calls
FROM spend_hourly
WHERE hour >= now('UTC') - INTERVAL 2 DAY AND hour < now('UTC') - INTERVAL 2 HOUR
GROUP BY hour
ORDER BY hour DESC
