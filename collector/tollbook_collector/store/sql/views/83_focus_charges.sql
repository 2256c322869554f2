-- One row for each row of token_charges in the words of FOCUS: every column of FOCUS 1.2 and 1.4 that tollbook can fill, for an hour.
-- Columns that are not here are always NULL; the queries focus_1_2 and focus_1_4 lay the columns out.
CREATE OR REPLACE VIEW focus_charges AS
SELECT
    tenant,
    hour,
    provider,
    effective_cost_usd AS EffectiveCost,
    billed_cost_usd AS BilledCost,
    contracted_cost_usd AS ContractedCost,
    list_cost_usd AS ListCost,
    -- What a provider says that a call cost has no unit price: it is a quantity of credits, each a dollar.
    if(class = 'request', effective_cost_usd, CAST(quantity, 'Decimal(38, 12)') / 1000000) AS PricingQuantity,
    multiIf(class = 'request', 'Credits', class = 'millisecond', '1000000 Milliseconds', '1000000 Tokens') AS PricingUnit,
    CAST(quantity, 'Decimal(38, 12)') AS ConsumedQuantity,
    multiIf(class = 'request', 'Requests', class = 'millisecond', 'Milliseconds', 'Tokens') AS ConsumedUnit,
    if(class = 'request', toDecimal128(1, 12), assumeNotNull(unit_price_usd) * 1000000) AS ContractedUnitPrice,
    if(class = 'request', toDecimal128(1, 12), assumeNotNull(list_unit_price_usd) * 1000000) AS ListUnitPrice,
    if(class = 'request', 'Other', 'Standard') AS PricingCategory,
    transform(
        class,
        ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond', 'request'],
        ['Input Tokens', 'Cache Read Input Tokens', 'Cache Write Input Tokens', 'Cache Write 1h Input Tokens', 'Audio Input Tokens', 'Image Input Tokens', 'Output Tokens', 'Reasoning Output Tokens', 'Audio Output Tokens', 'Image Output Tokens', 'GPU Time', 'Requests'],
        class) AS SkuMeter,
    concat(provider, '/', model, '/', class) AS SkuId,
    -- The same price point in every period: the day from which a rate holds is no part of it.
    concat(if(price_id = '', concat(provider, '/', model, '/reported'), replaceRegexpOne(price_id, '/[0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*', '')), '/', class) AS SkuPriceId,
    toJSONString(mapFilter((name, value) -> value != '', map(
        'x_ModelId', toString(model),
        'x_TokenDirection', multiIf(class IN ('request', 'millisecond'), '', class LIKE 'output%' OR class = 'reasoning', 'Output', 'Input'),
        'x_TokenCacheAction', multiIf(class = 'cache_read', 'Read', class LIKE 'cache_write%', 'Write', class LIKE 'input%', 'Uncached', ''),
        'x_CacheTtl', if(class = 'cache_write_1h', '1h', ''),
        'x_Modality', multiIf(class LIKE '%audio', 'Audio', class LIKE '%image', 'Image', class IN ('request', 'millisecond'), '', 'Text'),
        'x_ProcessingTier', toString(service_tier),
        'x_ContextOver', extract(price_id, '/([0-9]+)/[0-9]{4}-[0-9]{2}-[0-9]{2}'),
        'x_Variant', extract(price_id, '/((?:region|window):[^/]+)'),
        'x_CostSource', if(class = 'request', 'provider', '')))) AS SkuPriceDetails,
    concat(model, ' ', replaceAll(class, '_', ' '), if(service_tier = 'standard', '', concat(' ', service_tier))) AS ChargeDescription,
    transform(
        provider,
        ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''],
        ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'],
        toString(provider)) AS ServiceProviderName,
    transform(
        provider,
        ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai'],
        ['OpenAI API', 'Azure OpenAI', 'Azure AI Inference', 'Claude API', 'Amazon Bedrock', 'Gemini API', 'Vertex AI', 'Gemini API', 'xAI API', 'Mistral API'],
        concat(ServiceProviderName, ' API')) AS ServiceName,
    team,
    nullIf(toString(team), '') AS SubAccountId,
    if(team = '', NULL, 'Team') AS SubAccountType,
    toJSONString(mapFilter((name, value) -> value != '', map('service', toString(service), 'environment', toString(environment), 'team', toString(team), 'feature', toString(feature), 'customer', toString(customer), 'operation', toString(operation)))) AS Tags,
    calls AS x_Calls
FROM token_charges
