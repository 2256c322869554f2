-- One row for each try to deliver a message: when, to which webhook, and what came of it.
CREATE TABLE IF NOT EXISTS alert_attempts
(
    tenant   LowCardinality(String) COMMENT 'Whose data it is',
    message  String COMMENT 'Id of the message',
    webhook  LowCardinality(String) COMMENT 'Webhook of tollbook.toml that it went to',
    attempt  UInt16 COMMENT 'Which try, from 1 on',
    at       DateTime64(3, 'UTC') COMMENT 'When it was made, UTC',
    took_ms  UInt32 COMMENT 'How long it took, milliseconds',
    status   UInt16 COMMENT 'Status of the answer; 0: there was none',
    outcome  LowCardinality(String) COMMENT 'delivered, failed, or refused: it was not sent, because it may not go there',
    error    String COMMENT 'Why it was not delivered; empty: it was'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, message, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
