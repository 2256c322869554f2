-- One row for each state of a message about an incident to a webhook; of those with one id the newest counts.
CREATE TABLE IF NOT EXISTS alert_versions
(
    tenant     LowCardinality(String) COMMENT 'Whose data it is',
    message    String COMMENT 'Id of the message, webhook-id when it is sent: the same for each try',
    incident   String COMMENT 'Incident that it is about; empty: several, or a test',
    sequence   UInt32 COMMENT 'Which thing that happened to it is told',
    type       LowCardinality(String) COMMENT 'incident.opened, budget.exceeded, retrain.suggested, digest, test, …',
    severity   LowCardinality(String) COMMENT 'info, warning or critical',
    title      String COMMENT 'One line',
    route      LowCardinality(String) COMMENT 'Route of tollbook.toml that sends it; empty: none does',
    webhook    LowCardinality(String) COMMENT 'Webhook of tollbook.toml that it goes to; empty: none',
    content    String CODEC(ZSTD(1)) COMMENT 'What is told: type, timestamp and data as JSON',
    state      LowCardinality(String) COMMENT 'waiting, delivered, dead, muted, or grouped into another',
    reason     String COMMENT 'Why it is muted or dead, or the message that it was grouped into',
    attempts   UInt16 COMMENT 'Tries so far',
    next_at    DateTime64(3, 'UTC') COMMENT 'When it is tried next, while it waits, UTC',
    created_at DateTime64(3, 'UTC') COMMENT 'When it was written down, UTC',
    version    UInt64 COMMENT 'Of states of one message the one with the highest counts; nanoseconds since 1970'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (tenant, message)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
