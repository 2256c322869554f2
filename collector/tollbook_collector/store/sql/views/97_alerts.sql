-- One row for each message about an incident to a webhook, as it stands: delivered, waiting for its next try, dead or muted.
CREATE OR REPLACE VIEW alerts AS
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
