-- Empties a table of which a copy was begun.
TRUNCATE TABLE {table:Identifier}
