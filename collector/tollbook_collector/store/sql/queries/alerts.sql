-- One row for each message of a tenant in a state (empty: any), newest first.
SELECT
    message,
    incident,
    sequence,
    type,
    severity,
    title,
    route,
    webhook,
    state,
    reason,
    attempts,
    next_at,
    created_at
FROM alerts
WHERE tenant = {tenant:String}
    AND ({state:String} = '' OR state = {state:String})
    AND ({message:String} = '' OR startsWith(message, {message:String}))
ORDER BY created_at DESC, message
LIMIT {limit:UInt32}
