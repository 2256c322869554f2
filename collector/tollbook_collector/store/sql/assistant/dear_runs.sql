-- What an assistant is told of runs of agents: a row for each in the last days, dearest first.
SELECT
    run_id,
    run,
    first_call,
    last_call,
    calls,
    different_calls,
    errors,
    cost_usd
FROM runs
WHERE last_call >= now() - toIntervalDay($days)
ORDER BY cost_usd DESC
LIMIT $limit
