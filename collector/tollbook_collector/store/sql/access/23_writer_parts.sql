-- Where the writer looks for parts that the engine has set aside.
GRANT SELECT ON system.detached_parts TO tollbook_writing
