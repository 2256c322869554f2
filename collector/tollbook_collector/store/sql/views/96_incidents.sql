-- One row for each incident as it stands: what happened, what it costs, who has it.
CREATE OR REPLACE VIEW incidents AS
SELECT
    tenant,
    incident,
    sequence,
    at,
    event,
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
ORDER BY sequence DESC
LIMIT 1 BY tenant, incident
