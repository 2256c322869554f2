-- The admin reads everything, the system's tables too.
GRANT SELECT, SHOW ON *.* TO tollbook_operating
