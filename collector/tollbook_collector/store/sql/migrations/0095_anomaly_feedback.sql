-- One row for each word of a person about an anomaly; of those about one anomaly the newest counts.
CREATE TABLE IF NOT EXISTS anomaly_feedback
(
    tenant     LowCardinality(String) COMMENT 'Whose data it is',
    anomaly_id String COMMENT 'Of the anomaly',
    verdict    LowCardinality(String) COMMENT 'expected: this is usual from now on; planned: it was meant, once; real: it was a fault',
    author     String COMMENT 'Who said so; empty: unknown',
    note       String COMMENT 'Why',
    given_at   DateTime64(9, 'UTC') COMMENT 'When'
)
ENGINE = ReplacingMergeTree(given_at)
ORDER BY (tenant, anomaly_id)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1
