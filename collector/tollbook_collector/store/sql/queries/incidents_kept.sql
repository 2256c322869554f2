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
FROM
(
    SELECT *
    FROM incident_history FINAL
    ORDER BY sequence DESC
    LIMIT 1 BY tenant, incident
)
WHERE status != 'resolved' OR resolved_at >= {since:DateTime('UTC')}
ORDER BY opened_at, incident
LIMIT {limit:UInt32}
