-- One row for each run of an agent: its model calls, tokens and cost, and how many of its calls were different.
CREATE OR REPLACE VIEW runs AS
SELECT
    tenant,
    run_id,
    run,
    min(run_parts.first_call) AS first_call,
    max(run_parts.last_call) AS last_call,
    sum(run_parts.calls) AS calls,
    sum(run_parts.errors) AS errors,
    sum(run_parts.unpriced_calls) AS unpriced_calls,
    sum(run_parts.input_tokens) AS input_tokens,
    sum(run_parts.output_tokens) AS output_tokens,
    tollbook_known_cost(sum(run_parts.cost_usd), sum(run_parts.unpriced_calls)) AS cost_usd,
    uniqCombinedMerge(12)(shapes) AS different_calls
FROM run_parts
GROUP BY tenant, run_id, run
