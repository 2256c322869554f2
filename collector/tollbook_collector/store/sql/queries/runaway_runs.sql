-- One row for each run that had a call since a time and is far beyond the runs of its name in the 28 days before, dearest first.
-- cost_usd: NULL where no call of it has a known price; cost_usual, cost_max: of the earlier ones whose cost is known, else 0.
-- calls_min: a run with fewer is none; factor: times the largest; runs_min: with fewer earlier runs cold_calls_min holds.
WITH earlier AS
(
    SELECT
        run,
        count() AS runs,
        max(runs.calls) AS calls_max,
        ifNull(max(runs.cost_usd), toDecimal128(0, 12)) AS cost_max,
        quantileExact(0.5)(runs.calls) AS calls_usual,
        ifNull(quantileExact(0.5)(runs.cost_usd), toDecimal128(0, 12)) AS cost_usual
    FROM runs
    WHERE tenant = {tenant:String}
        AND last_call < {since:DateTime('UTC')}
        AND last_call >= {since:DateTime('UTC')} - toIntervalDay(28)
        AND run_id NOT IN {runaways:Array(String)}
    GROUP BY run
)
SELECT
    now_running.run_id AS run_id,
    now_running.run AS run,
    now_running.first_call AS first_call,
    now_running.last_call AS last_call,
    now_running.calls AS calls,
    now_running.cost_usd AS cost_usd,
    now_running.different_calls AS different_calls,
    earlier.runs AS earlier_runs,
    earlier.calls_usual AS calls_usual,
    earlier.cost_usual AS cost_usual,
    earlier.calls_max AS calls_max,
    earlier.cost_max AS cost_max
FROM
(
    SELECT *
    FROM runs
    WHERE tenant = {tenant:String} AND last_call >= {since:DateTime('UTC')} AND last_call < {until:DateTime('UTC')}
) AS now_running
LEFT JOIN earlier ON earlier.run = now_running.run
WHERE calls >= {calls_min:UInt64}
    AND (
        earlier_runs < {runs_min:UInt32} AND calls >= {cold_calls_min:UInt64}
        OR earlier_runs >= {runs_min:UInt32} AND calls > {factor:Float64} * calls_max
        OR earlier_runs >= {runs_min:UInt32} AND cost_max > 0 AND toFloat64(ifNull(cost_usd, 0)) > {factor:Float64} * toFloat64(cost_max)
        OR earlier_runs >= {runs_min:UInt32} AND different_calls * 10 < calls AND calls > calls_max)
ORDER BY cost_usd DESC, calls DESC, run_id
LIMIT 1000
