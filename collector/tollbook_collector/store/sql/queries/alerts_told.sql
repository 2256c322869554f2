-- One row for each incident, webhook and route of which something was told since a moment: when last, and the sequences that were decided on.
SELECT
    tenant,
    incident,
    webhook,
    route,
    maxIf(created_at, state NOT IN ('muted')) AS told_at,
    countIf(state != 'muted') AS told
FROM alert_versions FINAL
WHERE created_at >= {since:DateTime('UTC')} AND incident != ''
GROUP BY tenant, incident, webhook, route
