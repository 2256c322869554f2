-- One row for each way in which calls of the last 30 days would have cost less, by service, feature and model; a newer search takes the place of an older one.
CREATE TABLE IF NOT EXISTS savings
(
    tenant     LowCardinality(String) COMMENT 'Whose calls',
    found_at   DateTime64(3, 'UTC') COMMENT 'When they were searched, UTC; all rows of one search have the same',
    since      DateTime('UTC') COMMENT 'Start of the calls that were looked at',
    until      DateTime('UTC') COMMENT 'Their end, excluded',
    kind       LowCardinality(String) COMMENT 'repeat: the same question of the same day, answered once; cache: the same question within five minutes, read from the provider''s cache; tier: batch or flex; model: a cheaper one that the same feature uses; all: all calls that were looked at',
    service    LowCardinality(String) COMMENT 'service.name of the resource',
    feature    LowCardinality(String) COMMENT 'Tag feature',
    provider   LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model      LowCardinality(String) COMMENT 'Model that was called',
    instead    LowCardinality(String) COMMENT 'Tier or model that they would have been made with; empty: the same',
    calls      UInt64 COMMENT 'Calls that would have cost less',
    cost_usd   Decimal(38, 12) COMMENT 'What they cost: of record for repeat, at the rates of today for the others',
    would_usd  Decimal(38, 12) COMMENT 'What they would have cost, at the rates of today',
    facts      Map(LowCardinality(String), Float64) COMMENT 'What speaks for and against it: shares of failed and cut off calls, output tokens a call, of both models',
    examples   Array(String) COMMENT 'Some of the calls, as trace/span'
)
ENGINE = ReplacingMergeTree(found_at)
ORDER BY (tenant, kind, service, feature, provider, model, instead)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
