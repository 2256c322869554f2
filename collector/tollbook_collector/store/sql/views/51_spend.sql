-- One row for each hour and combination of dimensions: calls, tokens and cost of the model calls in it.
CREATE OR REPLACE VIEW spend AS
SELECT
    tenant,
    hour,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    sum(spend_hourly.calls) AS calls,
    sum(spend_hourly.errors) AS errors,
    sum(spend_hourly.unpriced_calls) AS unpriced_calls,
    sum(spend_hourly.input_tokens) AS input_tokens,
    sum(spend_hourly.cache_read_tokens) AS cache_read_tokens,
    sum(spend_hourly.cache_write_tokens) AS cache_write_tokens,
    sum(spend_hourly.output_tokens) AS output_tokens,
    sum(spend_hourly.reasoning_tokens) AS reasoning_tokens,
    sum(spend_hourly.duration_ns) AS duration_ns,
    sum(spend_hourly.copies) AS copies,
    tollbook_known_cost(sum(spend_hourly.cost_usd), sum(spend_hourly.unpriced_calls)) AS cost_usd
FROM spend_hourly
GROUP BY tenant, hour, service, environment, provider, model, operation, team, feature, customer, service_tier
