-- One row for each combination of the dimensions asked for, dearest first: calls, tokens and cost of whole hours.
-- by: any of hour, day, service, environment, provider, model, operation, team, feature, customer, service_tier, in this order.
-- service to service_tier: the column itself where by has it, else tenant, so that what is not asked for is neither read nor kept apart.
-- since, until: hours from since (its hour included) to until (excluded); limit: rows at most.
SELECT
    arrayMap(
        dimension -> multiIf(
            dimension = 'hour', formatDateTime(bucket, '%Y-%m-%dT%H:00Z'),
            dimension = 'day', formatDateTime(bucket, '%Y-%m-%d'),
            dimension = 'service', by_service,
            dimension = 'environment', by_environment,
            dimension = 'provider', by_provider,
            dimension = 'model', by_model,
            dimension = 'operation', by_operation,
            dimension = 'team', by_team,
            dimension = 'feature', by_feature,
            dimension = 'customer', by_customer,
            dimension = 'service_tier', by_service_tier,
            ''),
        {by:Array(String)}) AS dimensions,
    calls,
    errors,
    unpriced_calls,
    input_tokens,
    cache_read_tokens,
    output_tokens,
    cost_usd
FROM
(
    SELECT
        multiIf(
            has({by:Array(String)}, 'hour'), hour,
            has({by:Array(String)}, 'day'), toStartOfDay(hour),
            toDateTime(0, 'UTC')) AS bucket,
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
        AND hour >= toStartOfHour({since:DateTime('UTC')})
        AND hour < {until:DateTime('UTC')}
    GROUP BY bucket, by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
)
ORDER BY cost_usd DESC, calls DESC, dimensions
LIMIT {limit:UInt32}
