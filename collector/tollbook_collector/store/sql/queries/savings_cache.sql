-- Adds a row for each service, feature and model whose calls asked, with nothing read from the cache, what had been asked within five minutes: their prompts would have been read from it.
-- The first of them would have been written to the cache, at the price of that. Prompts below input_min tokens are not cached by anybody.
INSERT INTO savings (tenant, found_at, since, until, kind, service, feature, provider, model, calls, cost_usd, would_usd, facts, examples)
SELECT
    {tenant:String},
    {found_at:DateTime64(3, 'UTC')},
    {since:DateTime('UTC')},
    {until:DateTime('UTC')},
    'cache',
    service,
    feature,
    provider,
    model,
    sum(asked.times) AS calls,
    sum(asked.tokens) * card.1 AS cost_usd,
    sum(asked.first_tokens) * greatest(card.3, card.1) + (sum(asked.tokens) - sum(asked.first_tokens)) * card.2 AS would_usd,
    map('questions', toFloat64(count()), 'input_tokens', toFloat64(sum(asked.tokens))) AS facts,
    groupArray(3)(asked.example) AS examples
FROM
(
    SELECT
        service,
        feature,
        provider,
        model,
        toStartOfFiveMinutes(toDateTime(started_at, 'UTC')) AS moment,
        cityHash64(attributes['tollbook.prompt.digest']) AS digest,
        count() AS times,
        toInt64(sum(assumeNotNull(spans.input_tokens))) AS tokens,
        toInt64(argMin(assumeNotNull(spans.input_tokens), started_at)) AS first_tokens,
        any(concat(lower(hex(trace_id)), '/', lower(hex(span_id)))) AS example
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND status_code != 2
        AND price_status IN ('priced', 'tier_fallback')
        AND service_tier IN ('', 'standard')
        AND spans.cache_read_tokens = 0
        AND spans.cache_write_tokens = 0
        AND spans.input_tokens >= {input_min:UInt64}
        AND spans.input_tokens <= {input_max:UInt64}
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND attributes['tollbook.prompt.digest'] != ''
        AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies)
    GROUP BY service, feature, provider, model, moment, digest
    HAVING times > 1
) AS asked
GROUP BY
    service,
    feature,
    provider,
    model,
    dictGet('rate_card_by_id', ('input_usd', 'cache_read_usd', 'cache_write_usd'), dictGet('rate_card_by_call', 'price_id', (provider, model, 'standard', toUInt64(0), ''), {until:DateTime('UTC')})) AS card
HAVING card.2 > 0 AND cost_usd > would_usd
