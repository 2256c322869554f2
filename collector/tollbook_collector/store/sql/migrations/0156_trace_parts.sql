-- One row for each hour of a trace that came in one insert: its spans, model calls and cost; the parts of a trace add up.
CREATE TABLE IF NOT EXISTS trace_parts
(
    tenant         LowCardinality(String) COMMENT 'Whose data it is',
    trace_id       FixedString(16) CODEC(NONE) COMMENT 'Of the trace',
    hour           DateTime('UTC') COMMENT 'Start of the hour in which these spans of it started',
    spans          SimpleAggregateFunction(sum, Int64) COMMENT 'All spans, also those that are no model call',
    calls          SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    unpriced_calls SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that used tokens at an unknown cost',
    cost_usd       SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)) COMMENT 'Of the priced calls',
    first_received SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)) COMMENT 'When the collector had the first of these spans on disk'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, trace_id, hour)
-- A trace is one row: of the rows around it as few are read as may be.
SETTINGS
    index_granularity = 512,
    min_parts_to_merge_at_once = 10,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
