-- The admin's rights to operate the server.
GRANT BACKUP, KILL QUERY, SYSTEM MERGES, SYSTEM FLUSH LOGS, SYSTEM RELOAD DICTIONARY, CLUSTER ON *.* TO tollbook_operating
