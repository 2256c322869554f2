-- One row for each model call from since to until that the filters let through, newest first (or dearest, slowest: order); a copy of another call has no cost.
-- models, services, teams, features, customers: values wanted, empty for all; only: failed, unpriced or empty; order: time, cost or duration; order_column: its column (charged_usd for cost; what has no cost is last), so that nothing else is read to sort by;
-- after_ns, after_span: the last row of the page before, for order time; skip: rows before the page, for the other orders; limit: rows at most.
-- Where no copy is known, no key of one is made: the first condition is a constant by then.
WITH (SELECT count() > 0 FROM copies WHERE tenant = {tenant:String}) AND tollbook_copy_key(tenant, spans.trace_id, spans.span_id, received_at) IN (SELECT copies.copy_key FROM copies) AS is_copy
SELECT
    lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span,
    started_at,
    toUnixTimestamp64Nano(started_at) AS started_ns,
    duration_ns,
    time_to_first_chunk_ns,
    service,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    status_code = 2 AS failed,
    error_type,
    input_tokens,
    cache_read_tokens,
    output_tokens,
    if(is_copy, NULL, spans.cost_usd) AS charged_usd,
    if(is_copy, 'not_billable', spans.price_status) AS status,
    if(is_copy, '', spans.unpriced_reason) AS reason
FROM spans
WHERE tenant = {tenant:String}
    AND is_call
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND (empty({models:Array(String)}) OR has({models:Array(String)}, model))
    AND (empty({services:Array(String)}) OR has({services:Array(String)}, service))
    AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    AND (empty({features:Array(String)}) OR has({features:Array(String)}, feature))
    AND (empty({customers:Array(String)}) OR has({customers:Array(String)}, customer))
    AND ({only:String} != 'failed' OR status_code = 2)
    AND ({only:String} != 'unpriced' OR (status = 'unpriced' AND reason != 'failed'))
    AND ({order:String} != 'time' OR empty({after_span:String})
        OR (toUnixTimestamp64Nano(started_at), span_id) < ({after_ns:Int64}, toFixedString(unhex({after_span:String}), 8)))
ORDER BY {order_column:Identifier} DESC NULLS LAST, started_at DESC, span_id DESC
LIMIT {limit:UInt32} OFFSET {skip:UInt32}
