-- The numbers of the series that may be news: something of theirs is beyond its record of 28 days.
-- first, second, third: the dimensions, empty: fewer; names: the same with a comma between; day: that of the records.
-- roll_up, instant: series_hourly and hour, or series_minutely and minute; whole_days: whether all of the rows are held against records of days.
-- A slot is slot_s seconds, from since to until, of which the slots from recent on are judged one by one; one slot is share of an hour.
WITH {until:DateTime('UTC')} AS moment
SELECT series
FROM
(
    SELECT
        profiles.series AS series,
        max(recent_rows.slot >= {recent:DateTime('UTC')}
            AND (slot_calls > {share:Float64} * arrayMax([calls_max[clock + 1], calls_max[(clock + 1) % 24 + 1], calls_max[(clock + 23) % 24 + 1]]) OR slot_cost > {share:Float64} * arrayMax([cost_max[clock + 1], cost_max[(clock + 1) % 24 + 1], cost_max[(clock + 23) % 24 + 1]]))) AS is_record,
        sum(slot_calls) AS all_calls,
        sum(slot_cost) AS all_cost,
        sum(slot_input) AS all_input,
        sum(slot_cached) AS all_cached,
        sum(slot_errors) AS all_errors,
        sum(slot_units) AS all_units,
        sumIf(slot_calls, slot >= {recent:DateTime('UTC')}) AS new_calls,
        sumIf(slot_cost, slot >= {recent:DateTime('UTC')}) AS new_cost,
        sumIf(slot_input, slot >= {recent:DateTime('UTC')}) AS new_input,
        sumIf(slot_cached, slot >= {recent:DateTime('UTC')}) AS new_cached,
        sumIf(slot_errors, slot >= {recent:DateTime('UTC')}) AS new_errors,
        sumIf(slot_units, slot >= {recent:DateTime('UTC')}) AS new_units,
        max(slot) AS newest,
        any(day_calls) AS day_calls,
        any(day_cost) AS day_cost,
        any(size_max) AS size_max,
        any(input_max) AS input_max,
        any(price_max) AS price_max,
        any(cache_min) AS cache_min,
        any(error_max) AS error_max,
        any(calls_mean) AS calls_mean,
        any(heard_share) AS heard_share,
        any(input_growth) AS input_growth
    FROM
    (
        SELECT *
        FROM series_profiles FINAL
        WHERE tenant = {tenant:String} AND built_on = {day:Date} AND dimensions = {names:String} AND age_days >= 2
    ) AS profiles
    LEFT JOIN
    (
        SELECT
            cityHash64(tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_1, tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_2, tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_3) AS series,
            toStartOfInterval({instant:Identifier}, toIntervalSecond({slot_s:UInt32})) AS slot,
            toHour(slot) AS clock,
            toFloat64(sum(roll_up.calls)) AS slot_calls,
            toFloat64(sum(roll_up.cost_usd)) AS slot_cost,
            toFloat64(sum(roll_up.input_tokens)) AS slot_input,
            toFloat64(sum(roll_up.cache_read_tokens)) AS slot_cached,
            toFloat64(sum(roll_up.errors)) AS slot_errors,
            slot_input - 0.9 * slot_cached + 4 * toFloat64(sum(roll_up.output_tokens)) AS slot_units
        FROM {roll_up:Identifier} AS roll_up
        WHERE tenant = {tenant:String}
            AND {instant:Identifier} >= {since:DateTime('UTC')}
            AND {instant:Identifier} < {until:DateTime('UTC')}
        GROUP BY series, slot
    ) AS recent_rows ON recent_rows.series = profiles.series
    GROUP BY profiles.series
)
WHERE is_record
    OR ({whole_days:Bool}
        AND (all_calls > day_calls
            OR all_cost > day_cost
            OR all_cost > size_max * all_calls
            OR all_input > input_max * all_calls
            OR all_cost > price_max * all_units
            OR all_cached < cache_min * all_input
            OR (input_growth > 0.05 AND toHour(moment) % 6 = 0)))
    OR new_cost > 1.05 * size_max * new_calls
    OR new_input > 1.05 * input_max * new_calls
    OR new_cost > 1.02 * price_max * new_units
    OR new_cached < 0.95 * cache_min * new_input
    OR (new_errors >= 2 AND new_errors > error_max * new_calls)
    OR (dateDiff('second', newest, moment) > {silent_s:UInt32} AND heard_share > 0.5 AND calls_mean * {silent_s:UInt32} > 3600 * 5)
ORDER BY series
LIMIT {limit:UInt32}
