-- One row for each version of a view of the explorer that people saved; of a name the newest counts.
CREATE TABLE IF NOT EXISTS saved_views
(
    tenant   LowCardinality(String) COMMENT 'Whose it is',
    name     String COMMENT 'What people call it; unique within a tenant',
    query    String COMMENT 'The explorer''s query string, as by=team&since=7d',
    author   String COMMENT 'Who saved it last',
    saved_at DateTime64(3, 'UTC') COMMENT 'When, UTC',
    removed  Bool COMMENT 'Whether it was taken away'
)
ENGINE = ReplacingMergeTree(saved_at)
ORDER BY (tenant, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
