-- Where the writer finds what its tables are.
GRANT SELECT ON system.tables TO tollbook_writing
