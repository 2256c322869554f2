-- One row for each combination of the dimensions asked for, the largest change first: the nine dimensions, calls, tokens and cost of a period, and of the one before it.
-- service to service_tier: as in spend; before: start of the earlier period, which ends at since; since, until: the later one, whole hours; limit: rows at most.
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
    sumIf(used.calls, NOT is_before) AS calls,
    sumIf(used.calls, is_before) AS calls_before,
    sumIf(used.errors, NOT is_before) AS errors,
    sumIf(used.unpriced_calls, NOT is_before) AS unpriced_calls,
    sumIf(used.input_tokens, NOT is_before) AS input_tokens,
    sumIf(used.input_tokens, is_before) AS input_tokens_before,
    sumIf(used.cache_read_tokens, NOT is_before) AS cache_read_tokens,
    sumIf(used.cache_read_tokens, is_before) AS cache_read_tokens_before,
    sumIf(used.output_tokens, NOT is_before) AS output_tokens,
    sumIf(used.output_tokens, is_before) AS output_tokens_before,
    sumIf(used.cost_usd, NOT is_before) AS cost_usd,
    sumIf(used.cost_usd, is_before) AS cost_usd_before
FROM
(
    SELECT
        hour < toStartOfHour({since:DateTime('UTC')}) AS is_before,
        {service:Identifier} AS by_service,
        {environment:Identifier} AS by_environment,
        {provider:Identifier} AS by_provider,
        {model:Identifier} AS by_model,
        {operation:Identifier} AS by_operation,
        {team:Identifier} AS by_team,
        {feature:Identifier} AS by_feature,
        {customer:Identifier} AS by_customer,
        {service_tier:Identifier} AS by_service_tier,
        sum(spend_hourly.calls) AS calls,
        sum(spend_hourly.errors) AS errors,
        sum(spend_hourly.unpriced_calls) AS unpriced_calls,
        sum(spend_hourly.input_tokens) AS input_tokens,
        sum(spend_hourly.cache_read_tokens) AS cache_read_tokens,
        sum(spend_hourly.output_tokens) AS output_tokens,
        sum(spend_hourly.cost_usd) AS cost_usd
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour({before:DateTime('UTC')})
        AND hour < {until:DateTime('UTC')}
    GROUP BY is_before, by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
) AS used
GROUP BY by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
ORDER BY abs(cost_usd - cost_usd_before) DESC, cost_usd DESC, by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
LIMIT {limit:UInt32}
