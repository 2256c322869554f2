-- Adds a row for each service, feature and model, with the cheaper model that the same feature uses: its calls at that model's rates.
-- The cheaper one has at least calls_min calls there, and does not fail or get cut off more often by margin.
INSERT INTO savings (tenant, found_at, since, until, kind, service, feature, provider, model, instead, calls, cost_usd, would_usd, facts, examples)
WITH
    used AS
    (
        SELECT
            service,
            feature,
            provider,
            model,
            countIf(status_code != 2) AS calls,
            countIf(status_code = 2) / count() AS failed,
            countIf(has(spans.finish_reasons, 'length') OR has(spans.finish_reasons, 'max_tokens')) / greatest(calls, 1) AS cut_off,
            sum(ifNull(spans.output_tokens, 0)) / greatest(calls, 1) AS output_a_call,
            sum(ifNull(spans.input_tokens, 0)) / greatest(calls, 1) AS input_a_call,
            sum(ifNull(spans.input_tokens, 0)) AS input,
            sum(spans.cache_read_tokens) AS cached,
            sum(spans.cache_write_tokens) AS written,
            sum(spans.cache_write_1h_tokens) AS written_1h,
            sum(spans.input_audio_tokens) AS audio,
            sum(spans.input_image_tokens) AS images,
            sum(ifNull(spans.output_tokens, 0)) AS output,
            sum(spans.reasoning_tokens) AS reasoning,
            sum(spans.output_audio_tokens) AS audio_out,
            sum(spans.output_image_tokens) AS images_out,
            groupArrayIf(3)(concat(lower(hex(trace_id)), '/', lower(hex(span_id))), status_code != 2) AS examples,
            dictGet('rate_card_by_id', ('input_known', 'output_known', 'input_usd', 'cache_read_usd', 'cache_write_usd', 'cache_write_1h_usd', 'input_audio_usd', 'input_image_usd', 'output_usd', 'reasoning_usd', 'output_audio_usd', 'output_image_usd'), dictGet('rate_card_by_call', 'price_id', (provider, model, 'standard', toUInt64(0), ''), {until:DateTime('UTC')})) AS card
        FROM spans
        WHERE tenant = {tenant:String}
            AND is_call
            AND (price_status = 'priced' OR unpriced_reason = 'failed')
            AND model != ''
            AND service_tier IN ('', 'standard')
            AND ifNull(spans.input_tokens, 0) <= {input_max:UInt64}
            AND started_at >= {since:DateTime('UTC')}
            AND started_at < {until:DateTime('UTC')}
            AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies)
        GROUP BY service, feature, provider, model
        HAVING calls >= {calls_min:UInt64} AND card.3 > 0
    )
SELECT
    {tenant:String},
    {found_at:DateTime64(3, 'UTC')},
    {since:DateTime('UTC')},
    {until:DateTime('UTC')},
    'model',
    dear.service,
    dear.feature,
    dear.provider,
    dear.model,
    cheap.model,
    dear.calls,
    tollbook_cost_usd(dear.input, dear.cached, dear.written, dear.written_1h, dear.audio, dear.images, dear.output, dear.reasoning, dear.audio_out, dear.images_out, dear.card.1, dear.card.2, dear.card.3, dear.card.4, dear.card.5, dear.card.6, dear.card.7, dear.card.8, dear.card.9, dear.card.10, dear.card.11, dear.card.12) AS own,
    -- A cache that the other model does not have is input there.
    tollbook_cost_usd(dear.input, if(cheap.card.4 > 0, dear.cached, 0), if(cheap.card.5 > 0, dear.written, 0), if(cheap.card.6 > 0, dear.written_1h, 0), dear.audio, dear.images, dear.output, dear.reasoning, dear.audio_out, dear.images_out, cheap.card.1, cheap.card.2, cheap.card.3, cheap.card.4, cheap.card.5, cheap.card.6, cheap.card.7, cheap.card.8, cheap.card.9, cheap.card.10, cheap.card.11, cheap.card.12) AS would,
    map(
        'failed', dear.failed, 'failed_instead', cheap.failed,
        'cut_off', dear.cut_off, 'cut_off_instead', cheap.cut_off,
        'input_a_call', dear.input_a_call, 'input_a_call_instead', cheap.input_a_call,
        'output_a_call', dear.output_a_call, 'output_a_call_instead', cheap.output_a_call,
        'calls_instead', toFloat64(cheap.calls)) AS facts,
    dear.examples
FROM used AS dear
INNER JOIN used AS cheap ON cheap.service = dear.service AND cheap.feature = dear.feature
WHERE cheap.model != dear.model
    AND own > would
    AND cheap.failed <= dear.failed + {margin:Float64}
    AND cheap.cut_off <= dear.cut_off + {margin:Float64}
ORDER BY own - would DESC, cheap.model
LIMIT 1 BY dear.service, dear.feature, dear.provider, dear.model
