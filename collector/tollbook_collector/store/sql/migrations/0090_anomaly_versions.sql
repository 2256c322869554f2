-- One row for each report about an anomaly; of those with one id the newest counts.
CREATE TABLE IF NOT EXISTS anomaly_versions
(
    tenant        LowCardinality(String) COMMENT 'Whose data it is',
    id            String COMMENT 'Made of tenant, series, tier, channel and start: the same after a crash or a replay',
    series        Map(LowCardinality(String), String) COMMENT 'Dimensions and their values; empty: all of the tenant',
    tier          LowCardinality(String) COMMENT 'What it was found in: minute, hour, day, run or drift',
    channel       LowCardinality(String) COMMENT 'What went wrong: spend, requests, price, cache_share, error_share, gap, first_seen, …',
    started_at    DateTime('UTC') COMMENT 'Start of the first row that it was found in',
    detected_at   DateTime('UTC') COMMENT 'When the row that showed it was complete, by the clock of the data',
    updated_at    DateTime('UTC') COMMENT 'Start of the newest row that this report knows of',
    ended_at      Nullable(DateTime('UTC')) COMMENT 'When it was over; NULL: it goes on',
    score         Float64 COMMENT 'Decades of rarity: 3 opens an anomaly',
    so_far_usd    Nullable(Decimal(38, 12)) COMMENT 'Spend beyond what was expected, from the start; NULL: unknown',
    projected_usd Nullable(Decimal(38, 12)) COMMENT 'The same at the end of the calendar month (UTC) if it goes on; NULL: unknown',
    explanation   String CODEC(ZSTD(1)) COMMENT 'What happened, in one sentence',
    evidence      String CODEC(ZSTD(1)) COMMENT 'What it rests on: decomposition, ranked dimensions, first calls; JSON',
    version       UInt64 COMMENT 'Of reports with one id the one with the highest counts; nanoseconds since 1970'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (tenant, started_at, id)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1
