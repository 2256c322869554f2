-- One row for each span, the model calls among them with their cost at the rate that held when they started.
-- The model that answered is looked up first, then the one asked for. What has no rate costs NULL, never 0.
-- Each step is a subquery of its own: as aliases of one SELECT the engine plans them ten times slower.
CREATE OR REPLACE MATERIALIZED VIEW price TO spans AS
WITH
    -- Where no rate is known the provider's own word counts, and nobody else's.
    is_call AND reason NOT IN ('', 'failed') AND reported_cost_source = 'provider' AND ifNull(reported_cost_usd >= 0, false) AS is_reported,
    -- Capacity that was bought ahead: a call adds nothing to what the commitment costs.
    service_tier IN ('provisioned_throughput', 'reserved') AND NOT has_tier AS is_committed
SELECT
    tenant,
    key,
    received_at,
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    name,
    kind,
    started_at,
    duration_ns,
    status_code,
    status_message,
    scope_name,
    dialect,
    if(empty(capped), service, capped[1]) AS service,
    environment,
    is_call,
    operation,
    provider,
    request_model,
    response_model,
    multiIf(NOT is_call, '', price_model != '', price_model, if(empty(capped), if(response_model != '', response_model, request_model), capped[2])) AS model,
    response_id,
    conversation_id,
    user_id,
    agent,
    service_tier,
    region,
    stream,
    finish_reasons,
    error_type,
    time_to_first_chunk_ns,
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
    multiIf(is_reported, reported_cost_usd, NOT is_call OR reason != '', NULL, is_committed OR has(usage_fixups, 'gateway_cache_hit'), toDecimal128(0, 12), computed_usd) AS cost_usd,
    multiIf(is_reported, 'reported', NOT is_call OR reason != '', '', card.13 > 0 OR is_committed, 'amortised', has(usage_fixups, 'estimated'), 'estimated', 'computed') AS cost_basis,
    if(is_call AND reason = '', card_id, '') AS price_id,
    if(is_call AND reason = '', card.15, NULL) AS book_at,
    multiIf(NOT is_call, '', is_reported, 'priced', reason != '', 'unpriced', has_tier OR is_committed, 'priced', 'tier_fallback') AS price_status,
    if(is_reported, '', reason) AS unpriced_reason,
    reported_cost_usd,
    reported_cost_source,
    if(empty(capped), team, capped[3]) AS team,
    if(empty(capped), feature, capped[4]) AS feature,
    if(empty(capped), customer, capped[5]) AS customer,
    tags,
    attributes,
    resource,
    events,
    links
FROM
(
    SELECT
        *,
        if(
            dictHas('kept_value', concat(tenant, '\0\0')),
            arrayMap(
                (dimension, value) -> if(dictHas('kept_value', concat(tenant, '\0', dimension, '\0')) AND NOT dictHas('kept_value', concat(tenant, '\0', dimension, '\0', value)), '(other)', value),
                ['service', 'model', 'team', 'feature', 'customer'],
                CAST([service, if(response_model != '', response_model, request_model), team, feature, customer], 'Array(String)')),
            []) AS capped,
        -- What is measured by a card without rates for tokens has its tokens with it.
        if(is_measured AND NOT card.1 AND NOT card.2, toDecimal128(0, 12), tollbook_cost_usd(
            ifNull(input_tokens, 0), cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens,
            ifNull(output_tokens, 0), reasoning_tokens, output_audio_tokens, output_image_tokens,
            card.1, card.2, card.3, card.4, card.5, card.6, card.7, card.8, card.9, card.10, card.11, card.12))
            + if(empty(unit_quantities), toDecimal128(0, 12), arraySum((quantity, rate_usd) -> toInt64(quantity) * rate_usd, unit_quantities, unit_card.2))
            -- On a machine of one's own a call costs its time, in whole milliseconds, and its tokens nothing.
            + toInt64(intDiv(duration_ns, 1000000)) * card.13 AS computed_usd,
        tollbook_is_measured(unit_card.1, unit_quantities) AS is_measured,
        multiIf(
            NOT is_call, '',
            status_code = 2 AND isNull(input_tokens) AND isNull(output_tokens), 'failed',
            response_model = '' AND request_model = '', 'no_model',
            price_model = '', 'unknown_model',
            card_id = '', 'no_rate',
            -- A card whose currency had no exchange rate on that day is there without rates.
            bitTest(card.14, 0), 'no_exchange_rate',
            card.13 > 0, '',
            (isNull(input_tokens) OR (isNull(output_tokens) AND operation != 'embeddings')) AND NOT is_measured, 'no_usage',
            NOT usage_complete, 'usage_incomplete',
            hasAny(usage_fixups, ['count_out_of_range', 'cache_exceeds_input', 'input_parts_exceed_input', 'output_parts_exceed_output']), 'usage_inconsistent',
            isNull(computed_usd) OR tollbook_unit_without_rate(units, unit_card.1, card.1 OR card.2), 'no_rate',
            '') AS reason
    FROM
    (
        SELECT
            *,
            dictGet(
                'rate_card_by_id',
                ('input_known', 'output_known', 'input_usd', 'cache_read_usd', 'cache_write_usd', 'cache_write_1h_usd', 'input_audio_usd', 'input_image_usd', 'output_usd', 'reasoning_usd', 'output_audio_usd', 'output_image_usd', 'millisecond_usd', 'remarks', 'book_at'),
                card_id) AS card,
            -- Looked up for the few that are billed for more than tokens.
            if(empty(units) AND NOT bitTest(card.14, 1), CAST(([], []), 'Tuple(Array(String), Array(Decimal(38, 12)))'), dictGet('unit_rates_by_card', ('meters', 'rates_usd'), card_id)) AS unit_card,
            tollbook_unit_quantities(units, unit_card.1, isNotNull(input_tokens) OR isNotNull(output_tokens)) AS unit_quantities
        FROM
        (
            SELECT
                *,
                toDateTime(started_at, 'UTC') AS priced_at,
                -- Of low cardinality too: what a model has is looked up once for each in a block.
                CAST(concat(provider, ':', price_model) AS LowCardinality(String)) AS priced_name,
                if(dictHas('context_steps_by_model', priced_name), arrayMax(step -> if(step < ifNull(input_tokens, 0), step, 0), dictGet('context_steps_by_model', 'steps', priced_name)), 0) AS context_over,
                dictGet('rate_card_by_call', 'price_id', (provider, price_model, service_tier, context_over, ''), priced_at) AS tier_card_id,
                tier_card_id != '' AS has_tier,
                -- Rates of a window come before those of a region; where there are none, those for anywhere and any time hold.
                dictGet('windows_by_model', ('variants', 'weekday_masks', 'start_minutes', 'end_minutes'), priced_name) AS windows,
                multiIf(
                    dictHas('windows_by_model', priced_name), windows.1[arrayFirstIndex(
                        (weekdays, start_minute, end_minute) -> bitTest(weekdays, toDayOfWeek(priced_at) - 1) AND toHour(priced_at) * 60 + toMinute(priced_at) >= start_minute AND toHour(priced_at) * 60 + toMinute(priced_at) < end_minute,
                        windows.2, windows.3, windows.4)],
                    region != '', concat('region:', region),
                    '') AS variant,
                if(variant = '', '', dictGet('rate_card_by_call', 'price_id', (provider, price_model, if(has_tier, service_tier, 'standard'), context_over, variant), priced_at)) AS variant_card_id,
                multiIf(
                    variant_card_id != '', variant_card_id,
                    has_tier OR service_tier = 'standard', tier_card_id,
                    dictGet('rate_card_by_call', 'price_id', (provider, price_model, 'standard', context_over, ''), priced_at)) AS card_id
            FROM
            (
                SELECT
                    *,
                    -- Of low cardinality, so that the patterns are tried once for each name in a block and not for each call.
                    dictGet('model_by_name', 'model', CAST(lower(concat(provider, ':', response_model)) AS LowCardinality(String))) AS response_name,
                    dictGet('model_by_name', 'model', CAST(lower(concat(provider, ':', request_model)) AS LowCardinality(String))) AS request_name,
                    if(response_model != '' AND response_name != '', response_name, request_name) AS price_model
                FROM normalised
            )
        )
    )
)
