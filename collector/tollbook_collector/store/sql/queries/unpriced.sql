-- One row for each model without a cost and the reason, most calls first, from since to until; copies of calls are left out.
SELECT
    provider,
    model,
    unpriced_reason,
    count() AS calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens
FROM spans
WHERE tenant = {tenant:String}
    AND is_call
    AND price_status = 'unpriced'
    AND unpriced_reason != 'failed'
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND ((SELECT count() = 0 FROM copies WHERE tenant = {tenant:String}) OR tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies))
GROUP BY provider, model, unpriced_reason
ORDER BY calls DESC, provider, model, unpriced_reason
LIMIT {limit:UInt32}
