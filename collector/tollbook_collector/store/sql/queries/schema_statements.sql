-- One row for each table, view and dictionary of this database: the statement that creates it, without the database's name.
SELECT formatQuery(replaceAll(create_table_query, concat(currentDatabase(), '.'), '')) AS statement
FROM system.tables
WHERE database = currentDatabase() AND NOT startsWith(name, '.')
ORDER BY name
