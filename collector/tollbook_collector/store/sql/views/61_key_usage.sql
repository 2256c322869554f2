-- One row for each key and day on which it sent something: how much, and when last.
CREATE OR REPLACE VIEW key_usage
(
    tenant       LowCardinality(String) COMMENT 'Whose key it is',
    key          String COMMENT 'Public id of the key; empty: the collector was open',
    day          Date COMMENT 'UTC',
    requests     UInt64 COMMENT 'Requests that were kept',
    items        UInt64 COMMENT 'Spans, log records and data points in them',
    bytes        UInt64 COMMENT 'Their bytes, uncompressed',
    last_used_at DateTime64(3, 'UTC') COMMENT 'When the last one came, to about 10 s'
)
AS SELECT
    tenant,
    key,
    day,
    sum(use.requests) AS requests,
    sum(use.items) AS items,
    sum(use.bytes) AS bytes,
    max(use.last_used_at) AS last_used_at
FROM key_use AS use FINAL
GROUP BY tenant, key, day
