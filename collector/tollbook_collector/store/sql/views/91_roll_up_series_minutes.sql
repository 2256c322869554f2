-- One row for each minute and combination of dimensions in an insert: what its model calls add to the series.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_series_minutes TO series_minutely AS
SELECT
    tenant,
    toStartOfMinute(toDateTime(started_at, 'UTC')) AS minute,
    key,
    service,
    environment,
    resource['service.version'] AS version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    if(attributes['tollbook.run.name'] != '', attributes['tollbook.run.name'], agent) AS run,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    sum(toUInt64OrZero(attributes['http.request.resend_count'])) AS retries,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    countIf(status_code != 2 AND (NOT usage_complete OR (isNull(spans.input_tokens) AND isNull(spans.output_tokens)))) AS estimated_calls,
    countIf(notEmpty(usage_fixups)) AS fixed_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(spans.cache_write_tokens) AS cache_write_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(spans.reasoning_tokens) AS reasoning_tokens,
    sum(spans.duration_ns) AS duration_ns,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM spans
WHERE is_call
GROUP BY tenant, minute, key, service, environment, version, provider, model, response_model, team, feature, customer, run
