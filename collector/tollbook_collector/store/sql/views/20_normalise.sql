-- One row for each span in the vocabulary of the newest GenAI conventions, whichever dialect it came in.
-- A spelling has the number of its column (tollbook_column); where two spellings of one column came, the first in the span counts.
-- Token counts are kept from 0 to 2^40; others are left out and named in usage_fixups, as are parts greater than their whole.
-- Where a dialect is known to leave parts out of a total they are added, and usage_fixups says so.
-- Each step is a subquery of its own: as aliases of one SELECT the engine plans them several times slower.
CREATE OR REPLACE MATERIALIZED VIEW normalise TO normalised AS
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
    if(resource_attributes['service.name'] = '', 'unknown_service', resource_attributes['service.name']) AS service,
    if(resource_attributes['deployment.environment.name'] = '', resource_attributes['deployment.environment'], resource_attributes['deployment.environment.name']) AS environment,
    operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank', 'image', 'audio', 'speech_to_text', 'text_to_speech', 'litellm.passthrough')
        AND kind_operation NOT IN ('invoke_agent', 'invoke_workflow', 'execute_tool', 'retrieval')
        AND name NOT IN ('Received Proxy Server Request', 'raw_gen_ai_request')
        -- The outer span of embeddings has the same operation, and no usage; the usage of Gemini CLI is in its log.
        AND ((dialect != 'vercel_genai' AND scope_name != 'gemini-cli') OR isNotNull(input_whole) OR status_code = 2) AS is_call,
    operation,
    multiIf(provider_named != '' OR operation = '', provider_named, dialect = 'vllm', 'vllm', provider_of_host != '', provider_of_host, tollbook_provider_of_model(lower(request_model))) AS provider,
    request_model,
    attribute_strings[indexOf(columns, 12)] AS response_model,
    attribute_strings[if(has(columns, 14), indexOf(columns, 14), indexOf(columns, 15))] AS response_id,
    attribute_strings[if(has(columns, 16), indexOf(columns, 16), indexOf(columns, 17))] AS conversation_id,
    attribute_strings[if(has(columns, 18), indexOf(columns, 18), indexOf(columns, 19))] AS user_id,
    attribute_strings[indexOf(columns, 31)] AS agent,
    multiIf(
        attribute_booleans[indexOf(columns, 8)], 'batch',
        tier IN ('', 'default', 'auto', 'standard', 'standard_only', 'normal', 'on_demand'), 'standard',
        tier) AS service_tier,
    multiIf(
        has(columns, 7), lower(attribute_strings[indexOf(columns, 7)]),
        endsWith(host, '.api.openai.com'), substring(host, 1, 2),
        '') AS region,
    attribute_booleans[indexOf(columns, 26)] OR lower(attribute_strings[indexOf(columns, 26)]) = 'true' OR endsWith(kind_word, '.dostream') AS stream,
    multiIf(
        attribute_types[indexOf(columns, 25)] != 'string_value', attribute_lists[indexOf(columns, 25)],
        startsWith(attribute_strings[indexOf(columns, 25)], '['), JSONExtract(attribute_strings[indexOf(columns, 25)], 'Array(String)'),
        [attribute_strings[indexOf(columns, 25)]]) AS finish_reasons,
    attribute_strings[indexOf(columns, 23)] AS error_type,
    multiIf(
        has(columns, 28), accurateCastOrNull(round(attribute_doubles[indexOf(columns, 28)] * 1000000000), 'UInt64'),
        has(columns, 29), accurateCastOrNull(round((attribute_doubles[indexOf(columns, 29)] + attribute_integers[indexOf(columns, 29)]) * 1000000), 'UInt64'),
        has(columns, 30), accurateCastOrNull(toUnixTimestamp64Nano(parseDateTime64BestEffortOrNull(trim(BOTH '"' FROM attribute_strings[indexOf(columns, 30)]), 9, 'UTC')) - toUnixTimestamp64Nano(started_at), 'UInt64'),
        NULL) AS time_to_first_chunk_ns,
    input_whole AS input_tokens,
    if(cache_fits, cache_read_reported, 0) AS cache_read_tokens,
    if(cache_fits, cache_write_reported, 0) AS cache_write_tokens,
    least(cache_write_1h_reported, cache_write_tokens) AS cache_write_1h_tokens,
    if(input_parts_fit, input_audio_reported, 0) AS input_audio_tokens,
    if(input_parts_fit, input_image_reported, 0) AS input_image_tokens,
    output_whole AS output_tokens,
    if(output_parts_fit, reasoning_reported, 0) AS reasoning_tokens,
    if(output_parts_fit, output_audio_reported, 0) AS output_audio_tokens,
    if(output_parts_fit, output_image_reported, 0) AS output_image_tokens,
    if(empty(unit_places) AND search_context = '', CAST(map(), 'Map(String, UInt64)'), mapFromArrays(
        arrayConcat(arrayFilter((unit, count) -> isNotNull(count), unit_names, unit_counts), if(search_context = '', [], [concat('request_fee:', search_context)])),
        arrayConcat(arrayMap(count -> assumeNotNull(count), arrayFilter(count -> isNotNull(count), unit_counts)), if(search_context = '', [], [toUInt64(1)])))) AS units,
    NOT (has(columns, 27) AND NOT attribute_booleans[indexOf(columns, 27)]) AS usage_complete,
    if(fixups = 0, [], arrayMap(place -> ['count_out_of_range', 'cache_exceeds_input', 'input_parts_exceed_input', 'output_parts_exceed_output', 'exclusive_input', 'exclusive_output', 'gateway_cache_hit', 'estimated'][place + 1], bitPositionsToArray(fixups))) AS usage_fixups,
    multiIf(
        has(columns, 60), toDecimal128OrNull(attribute_strings[indexOf(columns, 60)], 12),
        has(columns, 61), if(upper(attribute_strings[indexOf(columns, 62)]) = 'USD', toDecimal128OrNull(toString(attribute_doubles[indexOf(columns, 61)]), 12), NULL),
        has(columns, 64), accurateCastOrNull(attribute_integers[indexOf(columns, 64)], 'Decimal(38, 12)') / 10000000000,
        has(columns, 63), nullIf(toDecimal128OrNull(multiIf(
            attribute_types[indexOf(columns, 63)] = 'double_value', toString(attribute_doubles[indexOf(columns, 63)]),
            attribute_types[indexOf(columns, 63)] = 'int_value', toString(attribute_integers[indexOf(columns, 63)]),
            attribute_strings[indexOf(columns, 63)]), 12), if(dialect = 'openlit', 0, -1)),
        has(columns, 65), accurateCastOrNull(attribute_integers[indexOf(columns, 65)], 'Decimal(38, 12)') / 1000000,
        has(columns, 110), toDecimal128OrNull(JSONExtractRaw(attribute_strings[indexOf(columns, 110)], 'total'), 12),
        has(columns, 111), toDecimal128OrNull(JSONExtractRaw(attribute_strings[indexOf(columns, 111)], 'response_cost'), 12),
        NULL) AS reported_cost_usd,
    multiIf(
        has(columns, 24), attribute_strings[indexOf(columns, 24)],
        has(columns, 64), 'provider',
        NOT hasAny(columns, [60, 61, 63, 65, 110, 111]), '',
        dialect = 'litellm', 'gateway',
        'client') AS reported_cost_source,
    all_tags['team'] AS team,
    all_tags['feature'] AS feature,
    all_tags['customer'] AS customer,
    all_tags AS tags,
    -- What is kept is chosen after it was made text: a filter for each kind of value takes a sixth more memory.
    mapFromArrays(
        arrayFilter((attribute_key, keep) -> keep, attribute_keys, unmapped),
        arrayFilter((text, keep) -> keep, arrayMap(
            (type, string, integer, double, boolean, list, bytes) -> if(type = 'string_value', string, multiIf(
                type = 'int_value', toString(integer),
                type = 'double_value', toString(double),
                type = 'bool_value', toString(boolean),
                type = 'array_value', toJSONString(list),
                type = 'unset', '',
                base64Encode(bytes))),
            attribute_types, attribute_strings, attribute_integers, attribute_doubles, attribute_booleans, attribute_lists, attribute_bytes), unmapped)) AS attributes,
    mapFilter((resource_key, value) -> resource_key NOT IN ('service.name', 'deployment.environment.name'), resource_attributes) AS resource,
    events,
    links
FROM
(
    SELECT
        *,
        cache_read_reported + cache_write_reported <= ifNull(input_whole, 0) AS cache_fits,
        cache_fits AND cache_read_reported + cache_write_reported + input_audio_reported + input_image_reported <= ifNull(input_whole, 0) AS input_parts_fit,
        reasoning_reported + output_audio_reported + output_image_reported <= ifNull(output_whole, 0) AS output_parts_fit,
        -- A bit for each, in the order of their names above.
        toUInt8(
            1 * ifNull(arrayExists((column, count) -> column BETWEEN 40 AND 52 AND isNull(count), counted, counts) OR has(unit_counts, NULL), false)
            + 2 * ifNull(NOT cache_fits AND isNotNull(input_whole), false)
            + 4 * ifNull(cache_fits AND NOT input_parts_fit, false)
            + 8 * ifNull(NOT output_parts_fit AND isNotNull(output_whole), false)
            + 16 * ifNull(input_whole != input_reported OR (is_split AND input_reported != coalesce(attribute_numbers[indexOf(arrayFilter(column -> column BETWEEN 40 AND 52, columns), 40)], json_numbers[indexOf(json_columns, 100)])), false)
            + 32 * ifNull(output_whole != output_reported, false)
            + 64 * ifNull(lower(attribute_strings[indexOf(columns, 66)]) = 'true' OR attribute_booleans[indexOf(columns, 66)], false)
            + 128 * ifNull(attribute_booleans[indexOf(columns, 67)], false)) AS fixups,
        lower(attribute_strings[if(has(columns, 20), indexOf(columns, 20), indexOf(columns, 21))]) AS tier,
        mapFromArrays(
            arrayConcat(
                arrayMap(tag -> substring(tag, if(startsWith(tag, 'tollbook.tags.'), 15, length(tag_prefix) + 1)), arrayFilter((tag, is_one) -> is_one, attribute_keys, is_tag)),
                if(has(columns, 112), JSONExtractKeysAndValues(attribute_strings[indexOf(columns, 112)], 'String').1, []),
                if(has(columns, 113), ['tags'], [])),
            arrayConcat(
                arrayMap(value -> if(startsWith(value, '"'), JSONExtractString(value), value), arrayFilter((value, is_one) -> is_one, attribute_strings, is_tag)),
                if(has(columns, 112), JSONExtractKeysAndValues(attribute_strings[indexOf(columns, 112)], 'String').2, []),
                if(has(columns, 113), [if(attribute_types[indexOf(columns, 113)] = 'array_value', arrayStringConcat(attribute_lists[indexOf(columns, 113)], ','), attribute_strings[indexOf(columns, 113)])], []))) AS all_tags,
        arrayMap((code, is_one) -> (code = 0 OR code >= 128) AND NOT is_one, codes, is_tag) AS unmapped
    FROM
    (
        SELECT
            *,
            if(is_exclusive, input_reported + cache_read_reported + cache_write_reported, input_reported) + if(dialect = 'gemini_cli' OR json_column = 103, ifNull(counts[indexOf(counted, 52)], 0), 0) AS input_whole,
            if(dialect IN ('xai', 'gemini_cli') OR json_column = 103, output_reported + reasoning_reported, output_reported) AS output_whole,
            -- Bits and not AND and OR: to choose the attributes that are looked at further costs more than to look at all.
            arrayMap((attribute_key, column, string) -> bitAnd(bitAnd(column = 0, string != ''), bitOr(startsWith(attribute_key, 'tollbook.tags.'), bitAnd(tag_prefix != '', startsWith(attribute_key, tag_prefix)))), attribute_keys, columns, attribute_strings) AS is_tag
        FROM
        (
            SELECT
                *,
                counts[indexOf(counted, 40)] AS input_reported,
                ifNull(counts[indexOf(counted, 41)], 0) AS cache_read_reported,
                ifNull(counts[indexOf(counted, 43)], 0) AS cache_write_1h_reported,
                if(has(counted, 42), ifNull(counts[indexOf(counted, 42)], 0), cache_write_1h_reported + ifNull(counts[indexOf(counted, 50)], 0)) AS cache_write_reported,
                ifNull(counts[indexOf(counted, 44)], 0) AS input_audio_reported,
                ifNull(counts[indexOf(counted, 45)], 0) AS input_image_reported,
                counts[indexOf(counted, 46)] AS output_reported,
                ifNull(counts[indexOf(counted, 47)], 0) AS reasoning_reported,
                ifNull(counts[indexOf(counted, 48)], 0) AS output_audio_reported,
                ifNull(counts[indexOf(counted, 49)], 0) AS output_image_reported,
                multiIf(
                    dialect = 'claude_code', 1,
                    dialect = 'openlit', provider_named = 'anthropic',
                    dialect = 'vercel', NOT is_split AND NOT has(columns, 51) AND (provider_named = 'anthropic' OR (provider_named = 'aws.bedrock' AND position(request_model, 'claude') > 0)),
                    0) AS is_exclusive,
                arrayMap(
                    number -> if(number BETWEEN 0 AND 1099511627776, number, NULL)::Nullable(UInt64),
                    arrayMap(
                        (place) -> multiIf(
                            attribute_types[place] = 'int_value', attribute_integers[place],
                            attribute_types[place] = 'double_value', accurateCastOrNull(round(attribute_doubles[place]), 'Int64'),
                            toInt64OrNull(attribute_strings[place])),
                        unit_places)) AS unit_counts,
                -- The detail of an image is its quality and size, as far as they were said.
                arrayMap(
                    place -> if(columns[place] = 75 AND image_detail != '', concat('image:', image_detail), transform(columns[place], [70, 71, 72, 73, 74, 75, 76, 77], ['web_search', 'file_search', 'search_unit', 'audio_second', 'character', 'image', 'page', 'code_session'], '')),
                    unit_places) AS unit_names,
                if(dialect = 'litellm' AND json_column = 0, 'litellm.metadata.', transform(dialect, ['openllmetry', 'langfuse', 'langsmith', 'vercel', 'litellm'], ['traceloop.association.properties.', 'langfuse.trace.metadata.', 'langsmith.metadata.', 'ai.telemetry.metadata.', 'metadata.'], '')) AS tag_prefix
            FROM
            (
                SELECT
                    *,
                    arrayMap(number -> if(number BETWEEN 0 AND 1099511627776, number, NULL)::Nullable(UInt64), numbers) AS counts,
                    -- Where the counts beside the tokens stand; most spans have none.
                    if(arrayExists(column -> column BETWEEN 70 AND 77, columns), arrayFilter((place, column) -> column BETWEEN 70 AND 77 AND indexOf(columns, column) = place, arrayEnumerate(columns), columns), []) AS unit_places,
                    if(has(columns, 78), extract(lower(attribute_strings[indexOf(columns, 78)]), '^[a-z]{1,16}$'), '') AS search_context,
                    if(NOT has(columns, 75), '', extract(lower(arrayStringConcat(arrayFilter(word -> word != '', [attribute_strings[indexOf(columns, 79)], attribute_strings[indexOf(columns, 80)]]), '/')), '^[a-z0-9/.-]{1,40}$')) AS image_detail
                FROM understood
            )
        )
    )
)
