-- Adds rows that take the copies which a round found out of the series of their minutes; the hours and the entities follow.
-- taken_back stands for what the copies had added, as the view roll_up_series_minutes makes it.
INSERT INTO series_minutely (tenant, minute, key, service, environment, version, provider, model, response_model, team, feature, customer, run, calls, errors, retries, unpriced_calls, estimated_calls, fixed_calls, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ns, cost_usd)
SELECT
    tenant,
    minute,
    key,
    service,
    environment,
    version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    run,
    -toInt64(calls),
    -toInt64(errors),
    -toInt64(retries),
    -toInt64(unpriced_calls),
    -toInt64(estimated_calls),
    -toInt64(fixed_calls),
    -toInt64(input_tokens),
    -toInt64(cache_read_tokens),
    -toInt64(cache_write_tokens),
    -toInt64(output_tokens),
    -toInt64(reasoning_tokens),
    -toInt64(duration_ns),
    -cost_usd
FROM taken_back
ORDER BY ALL
