-- One row for each table that holds rows of tenants, as database.table.
SELECT concat(database, '.', table) AS name
FROM system.columns
WHERE database = currentDatabase() AND system.columns.name = 'tenant' AND table IN
(
    SELECT system.tables.name
    FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
)
ORDER BY name
