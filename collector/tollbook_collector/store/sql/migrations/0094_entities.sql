-- One row for each value that a dimension ever had: a key, a model, a team, …, with its first and last call.
CREATE TABLE IF NOT EXISTS entities
(
    tenant     LowCardinality(String) COMMENT 'Whose data it is',
    kind       LowCardinality(String) COMMENT 'Dimension: key, model, response_model, team, feature, customer, service, version or run',
    entity     String COMMENT 'Its value',
    of         String COMMENT 'What it belongs to: the service of a version, the model of a response_model; else empty',
    first_call SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'Minute of the first call',
    last_call  SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Minute of the last call',
    calls      SimpleAggregateFunction(sum, UInt64) COMMENT 'Model calls'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, kind, entity, of)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
