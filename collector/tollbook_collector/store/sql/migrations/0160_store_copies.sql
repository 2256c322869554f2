-- One row for each step of copying another store into this one; while one has begun and not finished, no collector loads.
CREATE TABLE IF NOT EXISTS store_copies
(
    source     String COMMENT 'Names the store that is copied: the UUID of its schema_ledger',
    event      LowCardinality(String) COMMENT 'started, part, or finished',
    table_name LowCardinality(String) COMMENT 'Of a part: the table; else empty',
    day        Date COMMENT 'Of a part: the UTC day of its rows; 1970-01-01: the table is copied as a whole',
    slice      UInt32 COMMENT 'Of a part: which slice of that day, from 0',
    slices     UInt32 COMMENT 'Of a part: into how many the day was cut',
    rows       UInt64 COMMENT 'Of a part: its rows in the source',
    at         DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was done'
)
ENGINE = MergeTree
ORDER BY (source, event, table_name, day, slice)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
