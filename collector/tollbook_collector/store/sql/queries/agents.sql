-- One row for each agent task whose runs had their newest call in a period (whole_period 1, its day says nothing), and one for each day on which runs of it began: how many, and what one of them costs.
-- Both in one question, as most of it is adding up the parts of each run. since, until: as in spend; limit: rows at most, tasks before days.
SELECT
    grouping(day_of_run) AS whole_period,
    day_of_run AS day,
    run,
    count() AS runs,
    sum(one.calls) AS calls,
    sum(one.errors) AS errors,
    sum(one.unpriced_calls) AS unpriced_calls,
    sum(one.cost_usd) AS cost_usd,
    quantileExact(0.5)(one.known_usd) AS cost_p50_usd,
    quantileExact(0.95)(one.known_usd) AS cost_p95_usd,
    max(one.known_usd) AS cost_max_usd,
    quantileExact(0.5)(one.calls) AS calls_p50,
    max(one.calls) AS calls_max,
    quantileExact(0.5)(dateDiff('second', one.first_call, one.last_call)) AS seconds_p50
FROM
(
    SELECT
        run,
        run_id,
        min(run_parts.day) AS day_of_run,
        min(run_parts.first_call) AS first_call,
        max(run_parts.last_call) AS last_call,
        sum(run_parts.calls) AS calls,
        sum(run_parts.errors) AS errors,
        sum(run_parts.unpriced_calls) AS unpriced_calls,
        sum(run_parts.cost_usd) AS cost_usd,
        tollbook_known_cost(cost_usd, unpriced_calls) AS known_usd
    FROM run_parts
    WHERE tenant = {tenant:String} AND run_parts.last_call >= {since:DateTime('UTC')} - toIntervalDay(1)
    GROUP BY run, run_id
    HAVING last_call >= {since:DateTime('UTC')} AND last_call < {until:DateTime('UTC')}
) AS one
GROUP BY GROUPING SETS ((run), (run, day_of_run))
ORDER BY whole_period DESC, day, cost_usd DESC, runs DESC, run
LIMIT {limit:UInt32}
