-- One row or several for each hour and combination of dimensions, which add up: calls, tokens and cost of the model calls in it.
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
    calls,
    errors,
    unpriced_calls,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    duration_ns,
    copies,
    tollbook_known_cost(spend_hourly.cost_usd, spend_hourly.unpriced_calls) AS cost_usd
FROM spend_hourly
