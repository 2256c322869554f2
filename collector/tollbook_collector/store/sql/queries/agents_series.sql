-- One row for each day and agent: what its runs cost whose first call was on that day, and how many they were.
SELECT
    day_of_run AS day,
    run,
    count() AS runs,
    sum(one.cost_usd) AS cost_usd
FROM
(
    SELECT
        run,
        run_id,
        min(run_parts.day) AS day_of_run,
        max(run_parts.last_call) AS last_call,
        sum(run_parts.cost_usd) AS cost_usd
    FROM run_parts
    WHERE tenant = {tenant:String} AND run_parts.last_call >= {since:DateTime('UTC')} - toIntervalDay(1)
    GROUP BY run, run_id
    HAVING last_call >= {since:DateTime('UTC')} AND last_call < {until:DateTime('UTC')}
) AS one
GROUP BY day, run
ORDER BY day, cost_usd DESC
LIMIT {limit:UInt32}
