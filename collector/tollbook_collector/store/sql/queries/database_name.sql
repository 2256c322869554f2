-- One row: the database that is asked.
SELECT currentDatabase() AS name
