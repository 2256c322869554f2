-- The writer's rights in its database.
GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, dictGet, SHOW ON tollbook.* TO tollbook_writing
