-- One row for each log record that was accepted.
CREATE TABLE IF NOT EXISTS log_records
(
    tenant          LowCardinality(String) COMMENT 'Whose data it is, from the key it came with',
    key             LowCardinality(String) COMMENT 'Public id of that key',
    received_at     DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the collector had it on disk',
    logged_at       DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened; else when it was observed',
    severity_number Int8 COMMENT 'OpenTelemetry SeverityNumber: 9 is INFO, 17 is ERROR',
    severity_text   LowCardinality(String),
    event_name      LowCardinality(String) COMMENT 'Field event_name, else the attribute event.name',
    body            String CODEC(ZSTD(1)) COMMENT 'As text; what nests in base64 of its protobuf',
    trace_id        FixedString(16) CODEC(ZSTD(1)) COMMENT 'Zero bytes: none',
    span_id         FixedString(8) CODEC(ZSTD(1)) COMMENT 'Zero bytes: none',
    scope_name      LowCardinality(String) COMMENT 'Instrumentation scope',
    service         LowCardinality(String) COMMENT 'service.name of the resource',
    environment     LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource        Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(logged_at)
ORDER BY (tenant, service, event_name, logged_at)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
