-- One row for each model, most called first: how long its successful calls took, in milliseconds, from since to until; copies of calls are left out.
SELECT
    provider,
    model,
    count() AS calls,
    quantile(0.5)(duration_ns) / 1000000 AS p50_ms,
    quantile(0.95)(duration_ns) / 1000000 AS p95_ms,
    quantile(0.99)(duration_ns) / 1000000 AS p99_ms,
    quantileIf(0.5)(assumeNotNull(time_to_first_chunk_ns), isNotNull(time_to_first_chunk_ns)) / 1000000 AS first_chunk_p50_ms,
    quantileIf(0.95)(assumeNotNull(time_to_first_chunk_ns), isNotNull(time_to_first_chunk_ns)) / 1000000 AS first_chunk_p95_ms
FROM spans
WHERE tenant = {tenant:String}
    AND is_call
    AND status_code != 2
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND ((SELECT count() = 0 FROM copies WHERE tenant = {tenant:String}) OR tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies))
GROUP BY provider, model
ORDER BY calls DESC, provider, model
LIMIT {limit:UInt32}
