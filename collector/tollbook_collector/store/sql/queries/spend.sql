-- One row for each combination of the dimensions asked for, dearest first: start of its time (1970 where time is not asked for), the nine dimensions, calls, tokens and cost of whole hours.
-- service to service_tier: the column itself where it is asked for, else tenant, so that what is not asked for is neither read nor kept apart; such a column says nothing.
-- bucket_s: seconds that are told apart, 3600 or 86400; 4294967295: none; since, until: hours from since (its hour included) to until (excluded); limit: rows at most.
-- One level and no text made in it: of a month of ten million calls half of its time was planning.
SELECT
    toDateTime(intDiv(toUnixTimestamp(hour), {bucket_s:UInt32}) * {bucket_s:UInt32}, 'UTC') AS bucket,
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
ORDER BY cost_usd DESC, calls DESC, bucket, by_service, by_environment, by_provider, by_model, by_operation, by_team, by_feature, by_customer, by_service_tier
LIMIT {limit:UInt32}
