-- One row for each span of a trace, as it started: what it was, what it used and what it cost; a copy of another call has no cost.
-- trace: 32 hexadecimal digits; limit: rows at most.
SELECT
    lower(hex(span_id)) AS span,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parent,
    name,
    started_at,
    duration_ns,
    status_code = 2 AS failed,
    error_type,
    is_call,
    operation,
    provider,
    model,
    agent,
    service,
    input_tokens,
    cache_read_tokens,
    output_tokens,
    if(tollbook_copy_key(tenant, spans.trace_id, spans.span_id, received_at) IN (SELECT copies.copy_key FROM copies WHERE copies.tenant = {tenant:String} AND copies.trace_id = toFixedString(unhex({trace:String}), 16)), NULL, spans.cost_usd) AS charged_usd,
    unpriced_reason
FROM spans
WHERE tenant = {tenant:String}
    AND trace_id = toFixedString(unhex({trace:String}), 16)
ORDER BY started_at, span_id
LIMIT {limit:UInt32}
