-- One row for each hour and combination of dimensions in an insert: what its model calls add to the spend of the hour.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_hours TO spend_hourly AS
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
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(spans.cache_write_tokens) AS cache_write_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(spans.reasoning_tokens) AS reasoning_tokens,
    sum(spans.duration_ns) AS duration_ns,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM spans
WHERE is_call
GROUP BY tenant, hour, service, environment, provider, model, operation, team, feature, customer, service_tier
