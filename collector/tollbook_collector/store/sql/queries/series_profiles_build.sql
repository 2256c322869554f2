-- Adds the records of the series of some dimensions over the 28 days before a day; once a day is enough.
-- A weighted token is what list prices make of one: output counts four times, cached input a tenth.
-- first, second, third: the dimensions, empty: fewer; names: the same with a comma between; day: the day.
-- by_call and by_answer: days back, and the logarithm of that day's input for each call, and each token of answer.
INSERT INTO series_profiles
WITH
    dateDiff('day', date, {day:Date}) AS days_back,
    CAST((groupArrayIf(days_back, date_input > 0 AND date_calls > 0), groupArrayIf(log(date_input / date_calls), date_input > 0 AND date_calls > 0)), 'Map(Int64, Float64)') AS by_call,
    CAST((groupArrayIf(days_back, date_input > 0 AND date_output > 0), groupArrayIf(log(date_input / date_output), date_input > 0 AND date_output > 0)), 'Map(Int64, Float64)') AS by_answer
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
    toUInt16(dateDiff('day', min(date), {day:Date})) AS age_days,
    arrayMin(size -> arrayMin(back -> if(
        mapContains(size, back) AND arrayExists(lag -> mapContains(size, back + lag) AND size[back] > size[back + lag], [7, 14, 21]),
        arrayMin(lag -> if(mapContains(size, back + lag), abs(size[back] - size[back + lag]), 100), [7, 14, 21]),
        0), [1, 2]), [by_call, by_answer]) AS input_growth
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
        sum(hour_output) AS date_output,
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
            toFloat64(sum(series_hourly.output_tokens)) AS hour_output,
            hour_input - 0.9 * hour_cached + 4 * hour_output AS hour_units
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
