-- One row for each model call and sign by which a copy of it can be known: calls with the same sign may be the same call.
-- The first schema of Google's ADK has a span call_llm around that of the call, of the same scope and with the same usage.
-- call: the order in which calls count, so that of two copies always the same one does; its key; what pairs are judged by.
CREATE OR REPLACE VIEW call_signs AS
SELECT
    tenant,
    started_at,
    call,
    pair.1 AS sign,
    pair.2 AS text,
    cityHash64(tenant, pair) AS sign_hash,
    is_sure
FROM
(
    SELECT
        tenant,
        started_at,
        -- Test servers and small servers give short ids again and again.
        length(response_id) >= 20 AND length(arrayDistinct(ngrams(response_id, 1))) >= 10 AS is_sure,
        tuple(
            tuple(
                price_status = 'unpriced',
                NOT usage_complete OR isNull(spans.input_tokens) OR isNull(spans.output_tokens),
                kind = 2 OR name = 'call_llm',
                spans.cache_read_tokens + spans.cache_write_tokens + spans.reasoning_tokens = 0,
                -toInt32(length(tags)),
                toUnixTimestamp64Nano(started_at),
                span_id,
                trace_id,
                toUnixTimestamp64Nano(received_at)),
            tollbook_copy_key(tenant, trace_id, span_id, received_at),
            toUnixTimestamp64Nano(started_at) + toInt64(duration_ns),
            cityHash64(service, scope_name, kind, name = 'call_llm'),
            cityHash64(ifNull(toInt64(spans.input_tokens), -1), ifNull(toInt64(spans.output_tokens), -1)),
            response_id) AS call,
        arrayJoin(arrayFilter(each -> each.2 != '', [
            ('response', response_id),
            ('span', concat(trace_id, span_id)),
            ('trace', if(spans.input_tokens + spans.output_tokens > 0, concat(trace_id, toString(assumeNotNull(spans.input_tokens)), ':', toString(assumeNotNull(spans.output_tokens))), ''))
        ])) AS pair
    FROM spans
    WHERE is_call
)
