-- One row for each value of a dimension that had calls in a period, most called first: what can be compared.
-- by: model, version, feature, team, service, environment or service_tier; a value of prompt is only in the tags of calls.
SELECT
    multiIf(
        {by:String} = 'model', toString(model),
        {by:String} = 'version', toString(version),
        {by:String} = 'feature', toString(feature),
        {by:String} = 'team', toString(team),
        {by:String} = 'service', toString(service),
        {by:String} = 'environment', toString(environment),
        '') AS value,
    sum(series_hourly.calls) AS calls
FROM series_hourly
WHERE tenant = {tenant:String}
    AND hour >= toStartOfHour({since:DateTime('UTC')})
    AND hour < {until:DateTime('UTC')}
GROUP BY value
HAVING value != ''
ORDER BY calls DESC, value
LIMIT {limit:UInt32}
