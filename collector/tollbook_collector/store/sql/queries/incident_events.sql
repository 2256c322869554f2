-- One row for each thing that happened to an incident, oldest first.
SELECT
    sequence,
    at,
    event,
    actor,
    note,
    status,
    severity,
    so_far_usd,
    projected_usd,
    explanation
FROM incident_history FINAL
WHERE tenant = {tenant:String} AND incident = {incident:String}
ORDER BY sequence
LIMIT {limit:UInt32}
