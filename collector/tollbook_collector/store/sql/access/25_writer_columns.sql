-- Where the writer finds what its columns are.
GRANT SELECT ON system.columns TO tollbook_writing
