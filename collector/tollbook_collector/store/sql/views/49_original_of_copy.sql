-- One entry for each copy of a call: the span that counts.
CREATE OR REPLACE DICTIONARY original_of_copy
(
    copy_key UInt64,
    dedup_of String
)
PRIMARY KEY copy_key
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'copy_originals'))
LAYOUT(HASHED())
LIFETIME(0)
