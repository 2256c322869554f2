-- One row for each saved view of a tenant, by name.
SELECT
    name,
    query,
    author,
    saved_at
FROM saved_views FINAL
WHERE tenant = {tenant:String} AND NOT removed
ORDER BY lower(name), name
LIMIT {limit:UInt32}
