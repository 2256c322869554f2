-- One row for each series: the values of its dimensions, and for each slot in which it had calls the slot's number and sums.
-- first, second, third: the dimensions, empty: fewer; chosen: numbers of series, empty: all; a slot is slot_s seconds, 0 begins at since.
-- roll_up, instant: series_hourly and hour, or series_minutely and minute, for slots of whole ones.
SELECT
    entity_1,
    entity_2,
    entity_3,
    cityHash64(entity_1, entity_2, entity_3) AS series,
    groupArray(slot) AS slots,
    groupArray(slot_cost_usd) AS costs,
    groupArray(toFloat64(slot_calls)) AS calls,
    groupArray(toFloat64(slot_input_tokens)) AS input_tokens,
    groupArray(toFloat64(slot_output_tokens)) AS output_tokens,
    groupArray(toFloat64(slot_cached_tokens)) AS cached_tokens,
    groupArray(toFloat64(slot_errors)) AS errors
FROM
(
    SELECT
        tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_1,
        tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_2,
        tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run) AS entity_3,
        intDiv(toUnixTimestamp({instant:Identifier}) - toUnixTimestamp({since:DateTime('UTC')}), {slot_s:UInt32}) AS slot,
        toFloat64(sum(roll_up.cost_usd)) AS slot_cost_usd,
        sum(roll_up.calls) AS slot_calls,
        sum(roll_up.input_tokens) AS slot_input_tokens,
        sum(roll_up.output_tokens) AS slot_output_tokens,
        sum(roll_up.cache_read_tokens) AS slot_cached_tokens,
        sum(roll_up.errors) AS slot_errors
    FROM {roll_up:Identifier} AS roll_up
    WHERE tenant = {tenant:String}
        AND {instant:Identifier} >= {since:DateTime('UTC')}
        AND {instant:Identifier} < {until:DateTime('UTC')}
        AND ({first:String} = '' OR entity_1 != '')
        AND ({second:String} = '' OR entity_2 != '')
        AND ({third:String} = '' OR entity_3 != '')
        AND (empty({chosen:Array(UInt64)}) OR cityHash64(entity_1, entity_2, entity_3) IN {chosen:Array(UInt64)})
    GROUP BY entity_1, entity_2, entity_3, slot
)
GROUP BY entity_1, entity_2, entity_3
ORDER BY series
LIMIT {limit:UInt32}
