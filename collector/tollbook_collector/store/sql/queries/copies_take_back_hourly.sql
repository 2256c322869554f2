-- Adds rows that take the copies which a round found out of the spend of their hours.
INSERT INTO spend_hourly (tenant, hour, service, environment, provider, model, operation, team, feature, customer, service_tier, calls, errors, unpriced_calls, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ns, copies, cost_usd)
SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    -toInt64(count()),
    -toInt64(countIf(failed)),
    -toInt64(countIf(unpriced)),
    -sum(copies.input_tokens),
    -sum(copies.cache_read_tokens),
    -sum(copies.cache_write_tokens),
    -sum(copies.output_tokens),
    -sum(copies.reasoning_tokens),
    -sum(copies.duration_ns),
    toInt64(count()),
    -sum(copies.cost_usd)
FROM copies
WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first
    AND {found_at:DateTime64(6, 'UTC')} NOT IN (SELECT copy_rounds.found_at FROM copy_rounds WHERE ends_round)
GROUP BY tenant, hour, service, environment, provider, model, operation, team, feature, customer, service_tier
ORDER BY ALL
