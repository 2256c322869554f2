-- One row for each thing that happened to an incident since a moment, that may be told and of which nothing was decided yet, oldest first: the columns of incident_history.
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
WHERE at >= {since:DateTime('UTC')}
    AND event IN ('opened', 'escalated', 'reopened', 'released', 'woken', 'resolved')
    AND (tenant, incident, sequence) NOT IN
    (
        SELECT
            tenant,
            incident,
            sequence
        FROM alert_versions
        WHERE created_at >= {since:DateTime('UTC')}
    )
ORDER BY at, tenant, incident, sequence
LIMIT {limit:UInt32}
