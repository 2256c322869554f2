-- One row for each data point of a metric that was accepted.
CREATE TABLE IF NOT EXISTS metric_points
(
    tenant      LowCardinality(String) COMMENT 'Whose data it is, from the key it came with',
    key         LowCardinality(String) COMMENT 'Public id of that key',
    received_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the collector had it on disk',
    metric      LowCardinality(String) COMMENT 'Name of the metric',
    kind        LowCardinality(String) COMMENT 'gauge, sum, histogram, exponential_histogram, summary',
    unit        LowCardinality(String),
    started_at  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'Start of what a sum or a histogram covers',
    measured_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    value       Float64 CODEC(ZSTD(1)) COMMENT 'Of a gauge or a sum; of the others the sum of their values',
    count       UInt64 CODEC(ZSTD(1)) COMMENT 'Values in a histogram or summary',
    buckets     Array(UInt64) CODEC(ZSTD(1)) COMMENT 'Values in each bucket of a histogram',
    bounds      Array(Float64) CODEC(ZSTD(1)) COMMENT 'Upper bounds of the buckets but the last',
    temporality Int8 COMMENT '1 delta, 2 cumulative, 0 neither',
    monotonic   Bool COMMENT 'A sum that only grows',
    scope_name  LowCardinality(String) COMMENT 'Instrumentation scope',
    service     LowCardinality(String) COMMENT 'service.name of the resource',
    environment LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    attributes  Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource    Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(measured_at)
ORDER BY (tenant, service, metric, measured_at)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
