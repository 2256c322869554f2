-- One row for each table that holds rows: its name, and how many rows it has.
SELECT
    name,
    assumeNotNull(total_rows) AS rows
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY name
