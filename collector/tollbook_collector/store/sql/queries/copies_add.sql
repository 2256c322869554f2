-- Adds a round of copies: what a search wrote down of a month and no round before has; found_at names the round.
-- last: the round before. Its token names that one, so that of two searches that add the next round one does, and has seen all before it.
INSERT INTO copies (tenant, copy_key, original_key, found_at, reason, is_first, trace_id, span_id, dedup_of, received_at, started_at, service, environment, provider, model, operation, team, feature, customer, service_tier, failed, unpriced, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ns, cost_usd)
SELECT
    tenant,
    copy_key,
    original_key,
    {found_at:DateTime64(6, 'UTC')},
    reason,
    true,
    trace_id,
    span_id,
    dedup_of,
    received_at,
    started_at,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    failed,
    unpriced,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    duration_ns,
    cost_usd
FROM copy_candidates
WHERE search = {search:String}
    AND toYYYYMM(started_at) = {month:UInt32}
    AND copy_key NOT IN (SELECT copy_key FROM copies)
    AND (SELECT max(found_at) FROM copies) = {last:DateTime64(6, 'UTC')}
ORDER BY copy_key
LIMIT {limit:UInt32} WITH TIES
