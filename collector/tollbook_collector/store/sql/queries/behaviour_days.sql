-- One row for each day and value of a dimension: its calls, and how they behaved, as histograms.
-- by: service, model, team or feature; a value with fewer than calls_min calls on a day has no row for it.
SELECT
    multiIf(
        {by:String} = 'service', toString(service),
        {by:String} = 'model', toString(model),
        {by:String} = 'team', toString(team),
        {by:String} = 'feature', toString(feature),
        '') AS entity,
    toDate(hour) AS day,
    sum(behaviour_hourly.calls) AS day_calls,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.latencies)) AS latencies,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.first_chunks)) AS first_chunks,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.inputs)) AS inputs,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.outputs)) AS outputs,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.finish_reasons)) AS finish_reasons,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.response_models)) AS response_models,
    mapFilter((value, number) -> number > 0, sumMap(behaviour_hourly.tools)) AS tools
FROM behaviour_hourly
WHERE tenant = {tenant:String}
    AND hour >= {since:DateTime('UTC')}
    AND hour < {until:DateTime('UTC')}
GROUP BY entity, day
HAVING entity != '' AND day_calls >= {calls_min:UInt32}
ORDER BY entity, day
LIMIT {limit:UInt32}
