-- One row for each span of the traces that calls of a run are in, as it started: what it was, used and cost; a copy of another call has no cost.
-- run: its id; since, until: from its first call to its last one, ends included, so that other days are not read; limit: rows at most.
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
    if(tollbook_copy_key(tenant, spans.trace_id, spans.span_id, received_at) IN (SELECT copies.copy_key FROM copies WHERE copies.tenant = {tenant:String}), NULL, spans.cost_usd) AS charged_usd,
    unpriced_reason,
    lower(hex(trace_id)) AS trace
FROM spans
WHERE tenant = {tenant:String}
    -- Spans around the calls began before the first of them.
    AND started_at >= {since:DateTime('UTC')} - toIntervalDay(1)
    AND started_at <= {until:DateTime('UTC')} + toIntervalDay(1)
    AND trace_id IN (
        SELECT spans.trace_id
        FROM spans
        WHERE tenant = {tenant:String}
            AND is_call
            AND started_at >= {since:DateTime('UTC')}
            -- Its whole hour: the bound has no fraction of a second, and the last call may have one.
            AND started_at < toStartOfHour({until:DateTime('UTC')}) + toIntervalHour(1)
            AND (attributes['tollbook.run.id'] = {run:String}
                OR (attributes['tollbook.run.id'] = '' AND spans.trace_id = toFixedString(unhex(if(match({run:String}, '^[0-9a-f]{32}$'), {run:String}, '')), 16))))
    AND (attributes['tollbook.run.id'] IN ('', {run:String}))
ORDER BY started_at, span_id
LIMIT {limit:UInt32}
