-- One row for each thing that happened to an incident, with all that was known of it then; nothing is ever changed.
CREATE TABLE IF NOT EXISTS incident_history
(
    tenant          LowCardinality(String) COMMENT 'Whose data it is',
    incident        String COMMENT 'Id of the incident: the same through restarts and replays',
    sequence        UInt32 COMMENT 'From 1 on within the incident',
    at              DateTime64(3, 'UTC') COMMENT 'When it happened, UTC',
    event           LowCardinality(String) COMMENT 'opened, updated, escalated, merged, suppressed, reopened, acknowledged, owned, noted, snoozed, woken, feedback or resolved',
    actor           String COMMENT 'Who did it: a person, or tollbook',
    note            String CODEC(ZSTD(1)) COMMENT 'What was said with it',
    status          LowCardinality(String) COMMENT 'open, acknowledged or resolved, after it',
    kind            LowCardinality(String) COMMENT 'What it came from: anomaly, drift, budget, unpriced, imbalance, silence or collector',
    channel         LowCardinality(String) COMMENT 'What went wrong: a channel of a detector, or a word such as exceeded',
    severity        LowCardinality(String) COMMENT 'info, warning or critical',
    title           String COMMENT 'One line',
    explanation     String CODEC(ZSTD(1)) COMMENT 'What happened, in plain words',
    dimensions      Map(LowCardinality(String), String) COMMENT 'What it is about; empty: all of the tenant',
    started_at      DateTime('UTC') COMMENT 'When it began, by the clock of the data, UTC',
    opened_at       DateTime64(3, 'UTC') COMMENT 'When it became an incident, UTC',
    acknowledged_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When somebody took it, UTC; NULL: nobody did',
    resolved_at     Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, UTC; NULL: it is not',
    snoozed_until   Nullable(DateTime64(3, 'UTC')) COMMENT 'Until then nothing is sent about it, UTC; NULL: not snoozed',
    owner           String COMMENT 'Who has it',
    parent          String COMMENT 'Incident that it is a part of, so that nothing is sent about it alone; empty: none',
    feedback        LowCardinality(String) COMMENT 'What a person said it was: expected, real or planned; empty: nothing',
    so_far_usd      Nullable(Decimal(38, 12)) COMMENT 'Spend beyond what was expected, USD; NULL: unknown or not about money',
    projected_usd   Nullable(Decimal(38, 12)) COMMENT 'The same at the end of the month if it goes on, USD; NULL: unknown',
    evidence        String CODEC(ZSTD(1)) COMMENT 'What it rests on, JSON',
    sources         Array(String) COMMENT 'Findings that are this incident, as kind:key',
    active          Array(String) COMMENT 'Of them, those that go on'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(opened_at)
ORDER BY (tenant, incident, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
