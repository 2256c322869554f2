-- One row for each tenant, key, signal, hour of arrival and fate: how many items met it, summed.
CREATE TABLE IF NOT EXISTS accounts
(
    tenant LowCardinality(String),
    key    LowCardinality(String) COMMENT 'Public id of the key they came with',
    signal LowCardinality(String) COMMENT 'traces, logs or metrics',
    hour   DateTime('UTC') COMMENT 'Start of the hour in which they arrived',
    fate   LowCardinality(String) COMMENT 'accepted, or the reason for which they were rejected or set aside',
    items  Int64 COMMENT 'Spans, log records or data points'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, key, signal, hour, fate)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
