-- One row for each combination of the dimensions asked for, dearest first: calls, tokens and cost of whole hours.
-- by: any of hour, day, service, environment, provider, model, operation, team, feature, customer, service_tier, in this order.
-- since, until: hours from since (its hour included) to until (excluded); limit: rows at most.
SELECT
    arrayMap(
        dimension -> multiIf(
            dimension = 'hour', formatDateTime(hour, '%Y-%m-%dT%H:00Z'),
            dimension = 'day', formatDateTime(hour, '%Y-%m-%d'),
            dimension = 'service', service,
            dimension = 'environment', environment,
            dimension = 'provider', provider,
            dimension = 'model', model,
            dimension = 'operation', operation,
            dimension = 'team', team,
            dimension = 'feature', feature,
            dimension = 'customer', customer,
            dimension = 'service_tier', service_tier,
            ''),
        {by:Array(String)}) AS dimensions,
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
GROUP BY dimensions
ORDER BY cost_usd DESC, calls DESC, dimensions
LIMIT {limit:UInt32}
