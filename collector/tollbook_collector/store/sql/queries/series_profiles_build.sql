-- Adds the records of the series of some dimensions over the 28 days before a day; once a day is enough.
-- A weighted token is what list prices make of one: output counts four times, cached input a tenth.
-- first, second, third: the dimensions, empty: fewer; names: the same with a comma between; day: the day.
INSERT INTO series_profiles
SELECT
    {tenant:String} AS tenant,
    {day:Date} AS built_on,
    {names:String} AS dimensions,
    series,
    arrayMap(clock -> maxMap(hours_calls)[toUInt8(clock)], range(24)) AS calls_max,
    arrayMap(clock -> maxMap(hours_cost)[toUInt8(clock)], range(24)) AS cost_max,
    max(date_calls) AS day_calls,
    max(date_cost) AS day_cost,
    max(date_cost / greatest(date_calls, 1)) AS size_max,
    max(date_input / greatest(date_calls, 1)) AS input_max,
    max(date_cost / greatest(date_units, 1)) AS price_max,
    min(date_cached / greatest(date_input, 1)) AS cache_min,
    max(date_errors / greatest(date_calls, 1)) AS error_max,
    sum(date_calls) / (24 * greatest(age_days, 1)) AS calls_mean,
    sum(date_heard) / (24 * greatest(age_days, 1)) AS heard_share,
    toUInt16(dateDiff('day', min(date), {day:Date})) AS age_days
FROM
(
    SELECT
        series,
        toDate(hour) AS date,
        CAST((groupArray(toHour(hour)), groupArray(hour_calls)), 'Map(UInt8, Float64)') AS hours_calls,
        CAST((groupArray(toHour(hour)), groupArray(hour_cost)), 'Map(UInt8, Float64)') AS hours_cost,
        sum(hour_calls) AS date_calls,
        sum(hour_cost) AS date_cost,
        sum(hour_input) AS date_input,
        sum(hour_cached) AS date_cached,
        sum(hour_errors) AS date_errors,
        sum(hour_units) AS date_units,
        count() AS date_heard
    FROM
    (
        SELECT
            cityHash64(tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_1, tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_2, tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_3) AS series,
            hour,
            toFloat64(sum(series_hourly.calls)) AS hour_calls,
            toFloat64(sum(series_hourly.cost_usd)) AS hour_cost,
            toFloat64(sum(series_hourly.input_tokens)) AS hour_input,
            toFloat64(sum(series_hourly.cache_read_tokens)) AS hour_cached,
            toFloat64(sum(series_hourly.errors)) AS hour_errors,
            hour_input - 0.9 * hour_cached + 4 * toFloat64(sum(series_hourly.output_tokens)) AS hour_units
        FROM series_hourly
        WHERE tenant = {tenant:String}
            AND hour >= toDateTime({day:Date}, 'UTC') - toIntervalDay(28)
            AND hour < toDateTime({day:Date}, 'UTC')
            AND ({first:String} = '' OR entity_1 != '')
            AND ({second:String} = '' OR entity_2 != '')
            AND ({third:String} = '' OR entity_3 != '')
        GROUP BY series, hour
    )
    GROUP BY series, date
)
GROUP BY series
