-- The row of one model call: what it was, what it used and what it cost; a copy of another call has no cost and says of which. trace: 32 hexadecimal digits; span: 16.
WITH
    tollbook_copy_key(tenant, spans.trace_id, spans.span_id, received_at) AS copy,
    copy IN (SELECT copies.copy_key FROM copies WHERE copies.tenant = {tenant:String} AND copies.trace_id = toFixedString(unhex({trace:String}), 16)) AS is_copy
SELECT
    lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span,
    started_at,
    received_at,
    duration_ns,
    time_to_first_chunk_ns,
    service,
    environment,
    operation,
    provider,
    model,
    request_model,
    response_model,
    response_id,
    service_tier,
    region,
    stream,
    status_code = 2 AS failed,
    error_type,
    status_message,
    finish_reasons,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cache_write_1h_tokens,
    input_audio_tokens,
    input_image_tokens,
    output_tokens,
    reasoning_tokens,
    output_audio_tokens,
    output_image_tokens,
    units,
    usage_complete,
    usage_fixups,
    if(is_copy, lower(hex(dictGet('original_of_copy', 'dedup_of', copy))), '') AS dedup_of,
    if(is_copy, NULL, spans.cost_usd) AS cost_usd,
    if(is_copy, '', spans.price_id) AS price_id,
    if(is_copy, 'not_billable', spans.price_status) AS price_status,
    if(is_copy, '', spans.unpriced_reason) AS unpriced_reason,
    reported_cost_usd,
    reported_cost_source,
    team,
    feature,
    customer,
    conversation_id,
    user_id,
    agent,
    dialect,
    scope_name,
    tags,
    attributes
FROM spans
WHERE tenant = {tenant:String}
    AND trace_id = toFixedString(unhex({trace:String}), 16)
    AND span_id = toFixedString(unhex({span:String}), 8)
    AND is_call
-- The order makes it lazy: the row is found by three columns, and the others are read of it alone.
ORDER BY started_at
LIMIT 1
