-- One row for each rate card of the newest price book that prices a model called since then: USD for a million tokens, by class, and for one of each unit beside tokens.
-- since, until: when calls count; limit: rows at most.
SELECT
    rate_cards.provider AS provider,
    rate_cards.model AS model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to,
    if(input_known, toNullable(input_usd * 1000000), NULL) AS input_usd_per_million,
    if(input_known, toNullable(cache_read_usd * 1000000), NULL) AS cache_read_usd_per_million,
    if(input_known, toNullable(cache_write_usd * 1000000), NULL) AS cache_write_usd_per_million,
    if(output_known, toNullable(output_usd * 1000000), NULL) AS output_usd_per_million,
    price_id,
    source,
    mapFromArrays(dictGet('unit_rates_by_card', 'meters', price_id), dictGet('unit_rates_by_card', 'rates_usd', price_id)) AS unit_usd
FROM rate_cards
WHERE (rate_cards.provider, rate_cards.model) IN (
    SELECT provider, model
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour({since:DateTime('UTC')})
        AND hour < {until:DateTime('UTC')}
    GROUP BY provider, model
    HAVING sum(spend_hourly.calls) > 0
    )
    AND valid_to > now()
ORDER BY provider, model, context_over, service_tier, variant
LIMIT {limit:UInt32}
