-- What an operator is: reads everything, looks into the server, makes backups.
CREATE ROLE IF NOT EXISTS tollbook_operating
