-- One row for each try to deliver a message, oldest first.
SELECT
    attempt,
    at,
    took_ms,
    status,
    outcome,
    error,
    webhook
FROM alert_attempts
WHERE tenant = {tenant:String} AND message = {message:String}
ORDER BY at
LIMIT {limit:UInt32}
