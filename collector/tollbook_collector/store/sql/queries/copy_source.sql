-- What names this store among all.
SELECT toString(uuid)
FROM system.tables
WHERE database = currentDatabase() AND name = 'schema_ledger'
