-- One row for each run of an agent whose newest call was in a period, dearest first (or order: time, calls): its calls, tokens and cost.
-- run: name of the agent task, empty for any; since, until: as in spend; order: cost, time or calls; skip: rows before the page; limit: rows at most.
SELECT
    run_id,
    run,
    min(run_parts.first_call) AS first_call,
    max(run_parts.last_call) AS last_call,
    sum(run_parts.calls) AS calls,
    sum(run_parts.errors) AS errors,
    sum(run_parts.unpriced_calls) AS unpriced_calls,
    sum(run_parts.input_tokens) AS input_tokens,
    sum(run_parts.output_tokens) AS output_tokens,
    sum(run_parts.cost_usd) AS cost_usd
FROM run_parts
WHERE tenant = {tenant:String}
    AND ({run:String} = '' OR run = {run:String})
    AND run_parts.last_call >= {since:DateTime('UTC')} - toIntervalDay(1)
GROUP BY run, run_id
HAVING last_call >= {since:DateTime('UTC')} AND last_call < {until:DateTime('UTC')}
ORDER BY
    multiIf({order:String} = 'time', toDecimal128(toUnixTimestamp(last_call), 12), {order:String} = 'calls', toDecimal128(calls, 12), cost_usd) DESC,
    run_id
LIMIT {limit:UInt32} OFFSET {skip:UInt32}
