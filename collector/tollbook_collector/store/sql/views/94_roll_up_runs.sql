-- One row for each run of an agent in an insert: what its model calls add to it.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_runs TO run_parts AS
SELECT
    tenant,
    if(attributes['tollbook.run.id'] != '', attributes['tollbook.run.id'], lower(hex(trace_id))) AS run_id,
    if(attributes['tollbook.run.name'] != '', attributes['tollbook.run.name'], toString(agent)) AS run,
    min(toDate(started_at)) AS day,
    min(toDateTime(started_at, 'UTC')) AS first_call,
    max(toDateTime(started_at, 'UTC')) AS last_call,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    uniqCombinedState(12)(cityHash64(model, ifNull(spans.input_tokens, 0), ifNull(spans.output_tokens, 0))) AS shapes
FROM spans
WHERE is_call AND (attributes['tollbook.run.id'] != '' OR agent != '')
GROUP BY tenant, run_id, run
