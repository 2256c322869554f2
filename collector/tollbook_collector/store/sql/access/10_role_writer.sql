-- What a collector is: it owns the database, and nothing beside it.
CREATE ROLE IF NOT EXISTS tollbook_writing
