-- One row for each combination of the dimensions asked for, in either of two periods of whole hours: the nine dimensions, what it used in each, and rates.
-- service to service_tier: as in spend. filter_1 to filter_4: dimensions that are filtered, else tenant; only_1, but_1, …: values that count, and that do not; empty: any.
-- A use is calls, uncached input, cache reads, cache writes, output, cost, and calls without a price. The rates, USD per token, are the mean of the standard ones of its models in the book in force, each as often as it was called in the first period; 0: of models without a price.
SELECT
    by_service,
    by_environment,
    by_provider,
    by_model,
    by_operation,
    by_team,
    by_feature,
    by_customer,
    by_service_tier,
    tuple(
        sumIf(used.calls, is_before),
        sumIf(used.input_tokens - used.cache_read_tokens - used.cache_write_tokens, is_before),
        sumIf(used.cache_read_tokens, is_before),
        sumIf(used.cache_write_tokens, is_before),
        sumIf(used.output_tokens, is_before),
        sumIf(used.cost_usd, is_before),
        sumIf(used.unpriced_calls, is_before)) AS use_before,
    tuple(
        sumIf(used.calls, is_after),
        sumIf(used.input_tokens - used.cache_read_tokens - used.cache_write_tokens, is_after),
        sumIf(used.cache_read_tokens, is_after),
        sumIf(used.cache_write_tokens, is_after),
        sumIf(used.output_tokens, is_after),
        sumIf(used.cost_usd, is_after),
        sumIf(used.unpriced_calls, is_after)) AS use_after,
    [
        sumIf(used.calls * rates.input_usd, is_before),
        sumIf(used.calls * rates.cache_read_usd, is_before),
        sumIf(used.calls * rates.cache_write_usd, is_before),
        sumIf(used.calls * rates.output_usd, is_before)
    ] AS weights
FROM
(
    SELECT
        hour >= toStartOfHour({before_since:DateTime('UTC')}) AND hour < {before_until:DateTime('UTC')} AS is_before,
        hour >= toStartOfHour({after_since:DateTime('UTC')}) AND hour < {after_until:DateTime('UTC')} AS is_after,
        {service:Identifier} AS by_service,
        {environment:Identifier} AS by_environment,
        {provider:Identifier} AS by_provider,
        {model:Identifier} AS by_model,
        {operation:Identifier} AS by_operation,
        {team:Identifier} AS by_team,
        {feature:Identifier} AS by_feature,
        {customer:Identifier} AS by_customer,
        {service_tier:Identifier} AS by_service_tier,
        provider,
        model,
        sum(spend_hourly.calls) AS calls,
        sum(spend_hourly.input_tokens) AS input_tokens,
        sum(spend_hourly.cache_read_tokens) AS cache_read_tokens,
        sum(spend_hourly.cache_write_tokens) AS cache_write_tokens,
        sum(spend_hourly.output_tokens) AS output_tokens,
        sum(spend_hourly.cost_usd) AS cost_usd,
        sum(spend_hourly.unpriced_calls) AS unpriced_calls
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour(least({before_since:DateTime('UTC')}, {after_since:DateTime('UTC')}))
        AND hour < greatest({before_until:DateTime('UTC')}, {after_until:DateTime('UTC')})
        AND (empty({only_1:Array(String)}) OR has({only_1:Array(String)}, toString({filter_1:Identifier})))
        AND (empty({but_1:Array(String)}) OR NOT has({but_1:Array(String)}, toString({filter_1:Identifier})))
        AND (empty({only_2:Array(String)}) OR has({only_2:Array(String)}, toString({filter_2:Identifier})))
        AND (empty({but_2:Array(String)}) OR NOT has({but_2:Array(String)}, toString({filter_2:Identifier})))
        AND (empty({only_3:Array(String)}) OR has({only_3:Array(String)}, toString({filter_3:Identifier})))
        AND (empty({but_3:Array(String)}) OR NOT has({but_3:Array(String)}, toString({filter_3:Identifier})))
        AND (empty({only_4:Array(String)}) OR has({only_4:Array(String)}, toString({filter_4:Identifier})))
        AND (empty({but_4:Array(String)}) OR NOT has({but_4:Array(String)}, toString({filter_4:Identifier})))
    GROUP BY is_before, is_after, by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier, provider, model
) AS used
LEFT JOIN
(
    SELECT
        provider,
        model,
        argMin(input_usd, valid_from) AS input_usd,
        argMin(cache_read_usd, valid_from) AS cache_read_usd,
        argMin(cache_write_usd, valid_from) AS cache_write_usd,
        argMin(output_usd, valid_from) AS output_usd
    FROM rate_cards
    WHERE service_tier = 'standard' AND context_over = 0 AND variant = '' AND valid_to > {before_since:DateTime('UTC')}
    GROUP BY provider, model
) AS rates ON used.provider = rates.provider AND used.model = rates.model
WHERE is_before OR is_after
GROUP BY by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
ORDER BY by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
LIMIT {limit:UInt32}
