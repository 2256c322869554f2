-- One row for each side (now, or the same hours of the weeks before together) and model of a series: its sums, and how many weeks.
SELECT
    week = 0 AS is_now,
    toString(model) AS model_name,
    sum(series_hourly.calls) AS calls,
    sum(series_hourly.input_tokens) AS input_tokens,
    sum(series_hourly.cache_read_tokens) AS cached_tokens,
    sum(series_hourly.output_tokens) AS output_tokens,
    sum(series_hourly.cost_usd) AS cost_usd,
    max(if(week = 0, 0, (
        SELECT uniqExact(intDiv(toUnixTimestamp({until:DateTime('UTC')}) - 1 - toUnixTimestamp(hour), 604800))
        FROM series_hourly
        WHERE tenant = {tenant:String}
            AND hour < {since:DateTime('UTC')}
            AND hour >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
            AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}))) AS weeks_known
FROM series_hourly
ARRAY JOIN range({weeks:UInt8} + 1) AS week
WHERE tenant = {tenant:String}
    AND toUnixTimestamp(hour) >= toUnixTimestamp({since:DateTime('UTC')}) - 604800 * week
        AND toUnixTimestamp(hour) < toUnixTimestamp({until:DateTime('UTC')}) - 604800 * week
        AND hour >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
        AND hour < {until:DateTime('UTC')}
    AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}
GROUP BY is_now, model_name
ORDER BY is_now, model_name
