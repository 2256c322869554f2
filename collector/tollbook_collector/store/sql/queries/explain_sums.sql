-- One row for each side (now, or the same hours of the weeks before together) and model of a series: its sums, and how many weeks.
-- roll_up, instant: series_hourly and hour, or series_minutely and minute, for slots of whole ones.
SELECT
    week = 0 AS is_now,
    toString(model) AS model_name,
    sum(roll_up.calls) AS calls,
    sum(roll_up.input_tokens) AS input_tokens,
    sum(roll_up.cache_read_tokens) AS cached_tokens,
    sum(roll_up.output_tokens) AS output_tokens,
    sum(roll_up.cost_usd) AS cost_usd,
    max(if(week = 0, 0, (
        SELECT least({weeks:UInt8}, intDiv(toUnixTimestamp({until:DateTime('UTC')}) - 1 - toUnixTimestamp(min({instant:Identifier})), 604800))
        FROM {roll_up:Identifier} AS roll_up
        WHERE tenant = {tenant:String}
            AND {instant:Identifier} < {since:DateTime('UTC')}
            AND {instant:Identifier} >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
            AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}))) AS weeks_known
FROM {roll_up:Identifier} AS roll_up
ARRAY JOIN range({weeks:UInt8} + 1) AS week
WHERE tenant = {tenant:String}
    AND toUnixTimestamp({instant:Identifier}) >= toUnixTimestamp({since:DateTime('UTC')}) - 604800 * week
        AND toUnixTimestamp({instant:Identifier}) < toUnixTimestamp({until:DateTime('UTC')}) - 604800 * week
        AND {instant:Identifier} >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
        AND {instant:Identifier} < {until:DateTime('UTC')}
    AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}
GROUP BY is_now, model_name
ORDER BY is_now, model_name
