-- One row for each process that said what it lost, and each report of it: counts since it began; the last report counts.
CREATE TABLE IF NOT EXISTS client_reports
(
    tenant      LowCardinality(String),
    key         LowCardinality(String) COMMENT 'Public id of the key that it came with',
    instance    String COMMENT 'service.instance.id of the process',
    service     LowCardinality(String),
    sequence    UInt64 COMMENT 'Of the report, from 1 in each process',
    reported_at DateTime64(9, 'UTC') COMMENT 'When the report arrived',
    ended       UInt64 COMMENT 'Spans that ended in the process',
    delivered   UInt64 COMMENT 'Spans that were acknowledged to it',
    lost        Map(String, UInt64) COMMENT 'What it lost, by reason: queue_full, backlog_full, rejected and unreadable are whole spans'
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY (tenant, key, instance)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
