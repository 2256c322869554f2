-- The writer's rights on the server: functions of SQL and dictionaries belong to no database.
GRANT CREATE FUNCTION, DROP FUNCTION, SYSTEM RELOAD DICTIONARY, CLUSTER, REMOTE ON *.* TO tollbook_writing
