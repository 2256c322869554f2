-- One row for each key, in its latest version.
SELECT
    id,
    tenant,
    name,
    scopes,
    digest,
    pepper_id,
    created_at,
    expires_at,
    revoked_at,
    replaces,
    requests_per_s,
    items_per_s,
    bytes_per_day,
    changed_at
FROM keys FINAL
