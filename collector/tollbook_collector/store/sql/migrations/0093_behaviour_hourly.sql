-- One row for each hour and combination of the columns up to feature: how long calls took, how much they said and how they ended, as counts that add up.
-- Bins are fifths of a doubling: bin k counts values from 2^(k/5) up to 2^((k+1)/5), of milliseconds or tokens; bin 0 also counts less than one.
CREATE TABLE IF NOT EXISTS behaviour_hourly
(
    tenant          LowCardinality(String) COMMENT 'Whose data it is',
    hour            DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    service         LowCardinality(String) COMMENT 'service.name of the resource',
    environment     LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    model           LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    team            LowCardinality(String) COMMENT 'Tag team',
    feature         LowCardinality(String) COMMENT 'Tag feature',
    calls           SimpleAggregateFunction(sum, UInt64) COMMENT 'Model calls',
    latencies       SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'Successful calls by bin of their duration in milliseconds',
    first_chunks    SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'Streamed calls by bin of the milliseconds to their first chunk',
    inputs          SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'Calls by bin of their input tokens',
    outputs         SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'Calls by bin of their output tokens',
    finish_reasons  SimpleAggregateFunction(sumMap, Map(String, UInt64)) COMMENT 'Answers by the reason why they ended',
    response_models SimpleAggregateFunction(sumMap, Map(String, UInt64)) COMMENT 'Calls by the model that answered',
    tools           SimpleAggregateFunction(sumMap, Map(String, UInt64)) COMMENT 'Executions of tools by name'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, service, environment, model, team, feature)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
