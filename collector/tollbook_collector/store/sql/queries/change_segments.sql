-- One row for each combination of the dimensions asked for, in either of two periods of whole hours: what it used in each, and rates.
-- A use is calls, uncached input, cache reads, cache writes, output and cost. The rates, USD per token, are the mean of the standard
-- ones of its models in the book in force, each as often as it was called in the first period; 0: of models without a price.
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
    tuple(
        sumIf(spend_hourly.calls, is_before),
        sumIf(spend_hourly.input_tokens - spend_hourly.cache_read_tokens - spend_hourly.cache_write_tokens, is_before),
        sumIf(spend_hourly.cache_read_tokens, is_before),
        sumIf(spend_hourly.cache_write_tokens, is_before),
        sumIf(spend_hourly.output_tokens, is_before),
        sumIf(spend_hourly.cost_usd, is_before)) AS use_before,
    tuple(
        sumIf(spend_hourly.calls, is_after),
        sumIf(spend_hourly.input_tokens - spend_hourly.cache_read_tokens - spend_hourly.cache_write_tokens, is_after),
        sumIf(spend_hourly.cache_read_tokens, is_after),
        sumIf(spend_hourly.cache_write_tokens, is_after),
        sumIf(spend_hourly.output_tokens, is_after),
        sumIf(spend_hourly.cost_usd, is_after)) AS use_after,
    [
        sumIf(spend_hourly.calls * rates.input_usd, is_before),
        sumIf(spend_hourly.calls * rates.cache_read_usd, is_before),
        sumIf(spend_hourly.calls * rates.cache_write_usd, is_before),
        sumIf(spend_hourly.calls * rates.output_usd, is_before)
    ] AS weights
FROM
(
    SELECT
        *,
        hour >= toStartOfHour({before_since:DateTime('UTC')}) AND hour < {before_until:DateTime('UTC')} AS is_before,
        hour >= toStartOfHour({after_since:DateTime('UTC')}) AND hour < {after_until:DateTime('UTC')} AS is_after
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour(least({before_since:DateTime('UTC')}, {after_since:DateTime('UTC')}))
        AND hour < greatest({before_until:DateTime('UTC')}, {after_until:DateTime('UTC')})
) AS spend_hourly
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
) AS rates ON spend_hourly.provider = rates.provider AND spend_hourly.model = rates.model
WHERE is_before OR is_after
GROUP BY dimensions
ORDER BY dimensions
LIMIT {limit:UInt32}
