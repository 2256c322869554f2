-- The row of one run of an agent: its name, calls, tokens and cost, and how many of its calls were different.
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
    sum(run_parts.cost_usd) AS cost_usd,
    uniqCombinedMerge(12)(shapes) AS different_calls
FROM run_parts
WHERE tenant = {tenant:String} AND run_id = {run:String}
GROUP BY run_id, run
ORDER BY calls DESC
LIMIT 1
