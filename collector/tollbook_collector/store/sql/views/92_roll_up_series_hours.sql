-- One row for each hour and combination of dimensions in an insert: what the minutes add to the series of the hour.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_series_hours TO series_hourly AS
SELECT
    tenant,
    toStartOfHour(minute) AS hour,
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
    sum(series_minutely.calls) AS calls,
    sum(series_minutely.errors) AS errors,
    sum(series_minutely.retries) AS retries,
    sum(series_minutely.unpriced_calls) AS unpriced_calls,
    sum(series_minutely.estimated_calls) AS estimated_calls,
    sum(series_minutely.fixed_calls) AS fixed_calls,
    sum(series_minutely.input_tokens) AS input_tokens,
    sum(series_minutely.cache_read_tokens) AS cache_read_tokens,
    sum(series_minutely.cache_write_tokens) AS cache_write_tokens,
    sum(series_minutely.output_tokens) AS output_tokens,
    sum(series_minutely.reasoning_tokens) AS reasoning_tokens,
    sum(series_minutely.duration_ns) AS duration_ns,
    sum(series_minutely.cost_usd) AS cost_usd
FROM series_minutely
GROUP BY tenant, hour, key, service, environment, version, provider, model, response_model, team, feature, customer, run
