-- One row for each of the first calls of a series in a period: trace and span, in hexadecimal.
SELECT
    lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span
FROM spans
WHERE tenant = {tenant:String}
    AND is_call
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND [tollbook_dimension({first:String}, service, environment, resource['service.version'], provider, model, response_model, team, feature, customer, key, if(attributes['tollbook.run.name'] != '', attributes['tollbook.run.name'], agent)), tollbook_dimension({second:String}, service, environment, resource['service.version'], provider, model, response_model, team, feature, customer, key, if(attributes['tollbook.run.name'] != '', attributes['tollbook.run.name'], agent)), tollbook_dimension({third:String}, service, environment, resource['service.version'], provider, model, response_model, team, feature, customer, key, if(attributes['tollbook.run.name'] != '', attributes['tollbook.run.name'], agent))] = {entities:Array(String)}
ORDER BY started_at, span
LIMIT {limit:UInt32}
