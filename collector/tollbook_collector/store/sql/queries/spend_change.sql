-- One row for each combination of the dimensions asked for, the largest change first: calls, tokens and cost of a period, and of the one before it.
-- by: dimensions as in spend, without hour and day; before: start of the earlier period, which ends at since; since, until: the later one, whole hours; limit: rows at most.
SELECT
    arrayMap(
        dimension -> multiIf(
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
    sumIf(spend_hourly.calls, hour >= toStartOfHour({since:DateTime('UTC')})) AS calls,
    sumIf(spend_hourly.calls, hour < toStartOfHour({since:DateTime('UTC')})) AS calls_before,
    sumIf(spend_hourly.errors, hour >= toStartOfHour({since:DateTime('UTC')})) AS errors,
    sumIf(spend_hourly.unpriced_calls, hour >= toStartOfHour({since:DateTime('UTC')})) AS unpriced_calls,
    sumIf(spend_hourly.input_tokens, hour >= toStartOfHour({since:DateTime('UTC')})) AS input_tokens,
    sumIf(spend_hourly.input_tokens, hour < toStartOfHour({since:DateTime('UTC')})) AS input_tokens_before,
    sumIf(spend_hourly.cache_read_tokens, hour >= toStartOfHour({since:DateTime('UTC')})) AS cache_read_tokens,
    sumIf(spend_hourly.cache_read_tokens, hour < toStartOfHour({since:DateTime('UTC')})) AS cache_read_tokens_before,
    sumIf(spend_hourly.output_tokens, hour >= toStartOfHour({since:DateTime('UTC')})) AS output_tokens,
    sumIf(spend_hourly.output_tokens, hour < toStartOfHour({since:DateTime('UTC')})) AS output_tokens_before,
    sumIf(spend_hourly.cost_usd, hour >= toStartOfHour({since:DateTime('UTC')})) AS cost_usd,
    sumIf(spend_hourly.cost_usd, hour < toStartOfHour({since:DateTime('UTC')})) AS cost_usd_before
FROM spend_hourly
WHERE tenant = {tenant:String}
    AND hour >= toStartOfHour({before:DateTime('UTC')})
    AND hour < {until:DateTime('UTC')}
GROUP BY dimensions
ORDER BY abs(cost_usd - cost_usd_before) DESC, cost_usd DESC, dimensions
LIMIT {limit:UInt32}
