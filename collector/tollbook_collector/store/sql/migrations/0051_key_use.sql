-- One row for each key, day and run of a collector, again each time it is counted: what the key sent until then; the last row counts.
CREATE TABLE IF NOT EXISTS key_use
(
    tenant       LowCardinality(String),
    key          String COMMENT 'Public id of the key; empty: the collector was open',
    day          Date COMMENT 'UTC',
    collector    String COMMENT 'Names the run of a collector that counted',
    requests     UInt64 COMMENT 'Requests that were kept',
    items        UInt64 COMMENT 'Spans, log records and data points in them',
    bytes        UInt64 COMMENT 'Their bytes, uncompressed',
    last_used_at DateTime64(3, 'UTC') COMMENT 'When the last one came'
)
ENGINE = ReplacingMergeTree(last_used_at)
ORDER BY (tenant, key, day, collector)
TTL day + INTERVAL 400 DAY
