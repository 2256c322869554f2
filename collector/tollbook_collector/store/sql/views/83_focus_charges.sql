-- One row for each row of token_charges in the words of FOCUS: every column of FOCUS 1.2 and 1.4 that tollbook can fill, for an hour.
-- Columns that are not here are always NULL; the queries focus_1_2 and focus_1_4 lay the columns out.
CREATE OR REPLACE VIEW focus_charges AS
WITH
    -- What is billed beside tokens, and the unit that FOCUS counts it in.
    splitByChar(':', class)[1] AS unit_class,
    substring(class, length(unit_class) + 2) AS detail,
    transform(unit_class, ['web_search', 'file_search', 'code_session', 'search_unit', 'audio_second', 'character', 'page', 'image', 'request_fee'], ['Requests', 'Requests', 'Sessions', 'Units', 'Seconds', 'Characters', 'Pages', 'Images', 'Requests'], '') AS unit
SELECT
    tenant,
    hour,
    provider,
    effective_cost_usd AS EffectiveCost,
    billed_cost_usd AS BilledCost,
    contracted_cost_usd AS ContractedCost,
    list_cost_usd AS ListCost,
    -- What a provider says that a call cost has no unit price: it is a quantity of credits, each a dollar.
    multiIf(class = 'request', effective_cost_usd, unit != '', CAST(quantity, 'Decimal(38, 12)'), CAST(quantity, 'Decimal(38, 12)') / 1000000) AS PricingQuantity,
    multiIf(class = 'request', 'Credits', unit != '', unit, class = 'millisecond', '1000000 Milliseconds', '1000000 Tokens') AS PricingUnit,
    CAST(quantity, 'Decimal(38, 12)') AS ConsumedQuantity,
    multiIf(class = 'request', 'Requests', unit != '', unit, class = 'millisecond', 'Milliseconds', 'Tokens') AS ConsumedUnit,
    multiIf(class = 'request', toDecimal128(1, 12), unit != '', assumeNotNull(unit_price_usd), assumeNotNull(unit_price_usd) * 1000000) AS ContractedUnitPrice,
    multiIf(class = 'request', toDecimal128(1, 12), unit != '', assumeNotNull(list_unit_price_usd), assumeNotNull(list_unit_price_usd) * 1000000) AS ListUnitPrice,
    if(class = 'request', 'Other', 'Standard') AS PricingCategory,
    transform(
        class,
        ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond', 'request'],
        ['Input Tokens', 'Cache Read Input Tokens', 'Cache Write Input Tokens', 'Long Cache Write Input Tokens', 'Audio Input Tokens', 'Image Input Tokens', 'Output Tokens', 'Reasoning Output Tokens', 'Audio Output Tokens', 'Image Output Tokens', 'GPU Time', 'Requests'],
        if(unit = '', class, concat(transform(unit_class, ['web_search', 'file_search', 'code_session', 'search_unit', 'audio_second', 'character', 'page', 'image', 'request_fee'], ['Web Searches', 'File Searches', 'Code Sessions', 'Search Units', 'Audio Input Time', 'Characters', 'Pages', 'Images', 'Request Fees'], unit_class), if(detail = '', '', concat(' ', detail))))) AS SkuMeter,
    concat(provider, '/', model, '/', class) AS SkuId,
    -- The same price point in every period: the day from which a rate holds is no part of it.
    concat(if(price_id = '', concat(provider, '/', model, '/reported'), replaceRegexpOne(price_id, '/[0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*', '')), '/', class) AS SkuPriceId,
    toJSONString(mapFilter((name, value) -> value != '', map(
        'x_ModelId', toString(model),
        'x_TokenDirection', multiIf(class IN ('request', 'millisecond') OR unit != '', '', class LIKE 'output%' OR class = 'reasoning', 'Output', 'Input'),
        'x_TokenCacheAction', multiIf(class = 'cache_read', 'Read', class LIKE 'cache_write%', 'Write', class LIKE 'input%', 'Uncached', ''),
        'x_CacheTtl', multiIf(class != 'cache_write_1h', '', provider IN ('openai', 'azure.ai.openai', 'azure.ai.inference'), '12h', '1h'),
        'x_Detail', detail,
        'x_Modality', multiIf(class LIKE '%audio', 'Audio', class LIKE '%image', 'Image', class IN ('request', 'millisecond') OR unit != '', '', 'Text'),
        'x_ProcessingTier', toString(service_tier),
        'x_ContextOver', extract(price_id, '/([0-9]+)/[0-9]{4}-[0-9]{2}-[0-9]{2}'),
        'x_Variant', extract(price_id, '/((?:region|window):[^/]+)'),
        'x_CostSource', if(class = 'request', 'provider', '')))) AS SkuPriceDetails,
    concat(model, ' ', replaceAll(class, '_', ' '), if(service_tier = 'standard', '', concat(' ', service_tier))) AS ChargeDescription,
    tollbook_service_provider(provider) AS ServiceProviderName,
    tollbook_service_name(provider) AS ServiceName,
    team,
    nullIf(toString(team), '') AS SubAccountId,
    if(team = '', NULL, 'Team') AS SubAccountType,
    toJSONString(mapFilter((name, value) -> value != '', map('service', toString(service), 'environment', toString(environment), 'team', toString(team), 'feature', toString(feature), 'customer', toString(customer), 'operation', toString(operation)))) AS Tags,
    toInt64(calls) AS x_Calls
FROM token_charges
