-- Whether the database has a table, as 0 or 1.
SELECT count()
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}
