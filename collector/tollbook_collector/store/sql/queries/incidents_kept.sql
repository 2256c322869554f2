-- One row for each incident of any tenant that is not resolved, or was since a moment: the columns of incident_history.
SELECT
    tenant,
    incident,
    sequence,
    at,
    event,
    actor,
    note,
    status,
    kind,
    channel,
    severity,
    title,
    explanation,
    dimensions,
    started_at,
    opened_at,
    acknowledged_at,
    resolved_at,
    snoozed_until,
    owner,
    parent,
    feedback,
    so_far_usd,
    projected_usd,
    evidence,
    sources,
    active
FROM incident_history FINAL
WHERE (tenant, incident) IN
(
    SELECT
        tenant,
        incident
    FROM incident_history
    GROUP BY tenant, incident
    HAVING argMax(status, sequence) != 'resolved'
        OR argMax(resolved_at, sequence) >= {since:DateTime('UTC')}
)
ORDER BY incident_history.sequence DESC
LIMIT 1 BY tenant, incident
LIMIT {limit:UInt32}
