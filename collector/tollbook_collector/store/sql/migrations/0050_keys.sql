-- One row for each version of an API key; the one of the latest change counts. Its secret is nowhere.
CREATE TABLE IF NOT EXISTS keys
(
    id             String COMMENT 'Public part of the key',
    tenant         String COMMENT 'Whose data it writes and reads; * manages the keys of all',
    name           String COMMENT 'For people',
    scopes         Array(LowCardinality(String)) COMMENT 'ingest, query, admin',
    digest         String COMMENT 'HMAC-SHA-256 of the key under a pepper that is not in the database, hexadecimal',
    pepper_id      String COMMENT 'Names that pepper',
    created_at     DateTime64(6, 'UTC'),
    expires_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'From when it is not let in; NULL: never',
    revoked_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'NULL: it was not revoked',
    replaces       String COMMENT 'Id of the key that it was rotated from; empty: none',
    requests_per_s UInt64 COMMENT 'Requests a second; 0: no limit',
    items_per_s    UInt64 COMMENT 'Spans, log records and data points a second; 0: no limit',
    bytes_per_day  UInt64 COMMENT 'Uncompressed bytes a day (UTC); 0: no limit',
    changed_at     UInt64 COMMENT 'Nanoseconds since 1970 of this version'
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
