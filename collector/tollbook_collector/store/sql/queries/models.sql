-- One row for each model, dearest first: what its calls cost, how long they took and how often they failed, from since to until; copies of calls are left out.
SELECT
    provider,
    model,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    quantileIf(0.5)(duration_ns, status_code != 2) / 1000000 AS p50_ms,
    quantileIf(0.95)(duration_ns, status_code != 2) / 1000000 AS p95_ms,
    quantileIf(0.5)(assumeNotNull(time_to_first_chunk_ns), isNotNull(time_to_first_chunk_ns)) / 1000000 AS first_chunk_p50_ms,
    sumIf(ifNull(spans.output_tokens, 0), status_code != 2) / nullIf(sumIf(duration_ns, status_code != 2) / 1000000000, 0) AS output_tokens_per_s
FROM spans
WHERE tenant = {tenant:String}
    AND is_call
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND ((SELECT count() = 0 FROM copies WHERE tenant = {tenant:String}) OR tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies))
GROUP BY provider, model
ORDER BY sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) DESC, calls DESC, provider, model
LIMIT {limit:UInt32}
