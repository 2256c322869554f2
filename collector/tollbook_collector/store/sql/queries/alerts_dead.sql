-- One row for each dead message of a tenant whose id begins so (empty: any): the columns of alert_versions but version.
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
    AND tenant = {tenant:String} AND state = 'dead' AND startsWith(message, {message:String})
ORDER BY created_at, message
LIMIT {limit:UInt32}
