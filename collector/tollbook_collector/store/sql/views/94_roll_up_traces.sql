-- One row for each trace and hour in an insert: what its spans add to the cost of the trace.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_traces TO trace_parts AS
SELECT
    tenant,
    trace_id,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    count() AS spans,
    countIf(is_call) AS calls,
    countIf(is_call AND price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    sumIf(ifNull(spans.cost_usd, toDecimal128(0, 12)), is_call) AS cost_usd,
    min(toDateTime(received_at, 'UTC')) AS first_received
FROM spans
GROUP BY tenant, trace_id, hour
