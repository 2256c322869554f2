-- Adds a row for each service, feature, model and cheaper tier (batch, flex): its calls that nobody watched while they answered, at the rates of that tier.
-- Nobody watched: not streamed, and no part of a run, whose next step waits for it.
INSERT INTO savings (tenant, found_at, since, until, kind, service, feature, provider, model, instead, calls, cost_usd, would_usd, facts, examples)
WITH
    dictGet('rate_card_by_id', ('input_known', 'output_known', 'input_usd', 'cache_read_usd', 'cache_write_usd', 'cache_write_1h_usd', 'input_audio_usd', 'input_image_usd', 'output_usd', 'reasoning_usd', 'output_audio_usd', 'output_image_usd'), dictGet('rate_card_by_call', 'price_id', (provider, model, 'standard', toUInt64(0), ''), {until:DateTime('UTC')})) AS card,
    dictGet('rate_card_by_id', ('input_known', 'output_known', 'input_usd', 'cache_read_usd', 'cache_write_usd', 'cache_write_1h_usd', 'input_audio_usd', 'input_image_usd', 'output_usd', 'reasoning_usd', 'output_audio_usd', 'output_image_usd'), dictGet('rate_card_by_call', 'price_id', (provider, model, tier, toUInt64(0), ''), {until:DateTime('UTC')})) AS other
SELECT
    {tenant:String},
    {found_at:DateTime64(3, 'UTC')},
    {since:DateTime('UTC')},
    {until:DateTime('UTC')},
    'tier',
    service,
    feature,
    provider,
    model,
    tier,
    used.calls,
    tollbook_cost_usd(input, cached, written, written_1h, audio, images, output, reasoning, audio_out, images_out, card.1, card.2, card.3, card.4, card.5, card.6, card.7, card.8, card.9, card.10, card.11, card.12) AS own,
    tollbook_cost_usd(input, cached, written, written_1h, audio, images, output, reasoning, audio_out, images_out, other.1, other.2, other.3, other.4, other.5, other.6, other.7, other.8, other.9, other.10, other.11, other.12) AS would,
    map('p95_ms', used.p95_ms) AS facts,
    used.examples
FROM
(
    SELECT
        service,
        feature,
        provider,
        model,
        count() AS calls,
        sum(assumeNotNull(spans.input_tokens)) AS input,
        sum(spans.cache_read_tokens) AS cached,
        sum(spans.cache_write_tokens) AS written,
        sum(spans.cache_write_1h_tokens) AS written_1h,
        sum(spans.input_audio_tokens) AS audio,
        sum(spans.input_image_tokens) AS images,
        sum(assumeNotNull(spans.output_tokens)) AS output,
        sum(spans.reasoning_tokens) AS reasoning,
        sum(spans.output_audio_tokens) AS audio_out,
        sum(spans.output_image_tokens) AS images_out,
        toFloat64(quantile(0.95)(duration_ns)) / 1000000 AS p95_ms,
        groupArray(3)(concat(lower(hex(trace_id)), '/', lower(hex(span_id)))) AS examples
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND status_code != 2
        AND price_status = 'priced'
        AND service_tier IN ('', 'standard')
        AND NOT stream
        AND agent = ''
        AND attributes['tollbook.run.id'] = ''
        AND spans.input_tokens <= {input_max:UInt64}
        AND isNotNull(spans.output_tokens)
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies)
    GROUP BY service, feature, provider, model
) AS used
ARRAY JOIN ['batch', 'flex'] AS tier
WHERE other.3 > 0 AND own > would
