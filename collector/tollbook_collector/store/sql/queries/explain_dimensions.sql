-- One row for each value of each dimension of a series: dollars in the mean of the weeks before, and now.
-- roll_up, instant: series_hourly and hour, or series_minutely and minute, for slots of whole ones.
WITH greatest((
    SELECT least({weeks:UInt8}, intDiv(toUnixTimestamp({until:DateTime('UTC')}) - 1 - toUnixTimestamp(min({instant:Identifier})), 604800))
    FROM {roll_up:Identifier} AS roll_up
    WHERE tenant = {tenant:String}
        AND {instant:Identifier} < {since:DateTime('UTC')}
        AND {instant:Identifier} >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
        AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}), 1) AS weeks_known
SELECT
    named.1 AS dimension,
    named.2 AS entity,
    sumIf(roll_up.cost_usd, week > 0) / weeks_known AS before_usd,
    sumIf(roll_up.cost_usd, week = 0) AS after_usd
FROM {roll_up:Identifier} AS roll_up
ARRAY JOIN range({weeks:UInt8} + 1) AS week
ARRAY JOIN [
    ('service', toString(service)),
    ('environment', toString(environment)),
    ('model', toString(model)),
    ('team', toString(team)),
    ('feature', toString(feature)),
    ('customer', toString(customer)),
    ('key', toString(key)),
    ('run', toString(run)),
    ('version', toString(version))
] AS named
WHERE tenant = {tenant:String}
    AND toUnixTimestamp({instant:Identifier}) >= toUnixTimestamp({since:DateTime('UTC')}) - 604800 * week
        AND toUnixTimestamp({instant:Identifier}) < toUnixTimestamp({until:DateTime('UTC')}) - 604800 * week
        AND {instant:Identifier} >= {since:DateTime('UTC')} - toIntervalWeek({weeks:UInt8})
        AND {instant:Identifier} < {until:DateTime('UTC')}
    AND [tollbook_dimension({first:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({second:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run), tollbook_dimension({third:String}, service, environment, version, provider, model, response_model, team, feature, customer, key, run)] = {entities:Array(String)}
GROUP BY dimension, entity
ORDER BY abs(after_usd - before_usd) DESC, dimension, entity
LIMIT {limit:UInt32}
