-- One row for each message of any tenant that waits, the one due first: the columns of alert_versions but version.
SELECT
    tenant,
    message,
    incident,
    sequence,
    type,
    severity,
    title,
    route,
    webhook,
    content,
    state,
    reason,
    attempts,
    next_at,
    created_at
FROM alert_versions FINAL
WHERE created_at >= {since:DateTime('UTC')}
    AND state = 'waiting'
ORDER BY next_at, message
LIMIT {limit:UInt32}
