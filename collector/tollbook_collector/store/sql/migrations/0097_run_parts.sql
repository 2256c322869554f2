-- One row for each part of an agent's run that came in one insert: its calls, tokens and cost; the parts of a run add up.
CREATE TABLE IF NOT EXISTS run_parts
(
    tenant        LowCardinality(String) COMMENT 'Whose data it is',
    run_id        String COMMENT 'tollbook.run.id; else the trace of calls that name an agent',
    run           LowCardinality(String) COMMENT 'Name of the agent task, else of the agent',
    day           SimpleAggregateFunction(min, Date) COMMENT 'UTC day of its first call',
    first_call    SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'Start of its first call',
    last_call     SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Start of its newest call',
    calls         SimpleAggregateFunction(sum, UInt64) COMMENT 'Model calls',
    errors        SimpleAggregateFunction(sum, UInt64) COMMENT 'Calls that failed',
    input_tokens  SimpleAggregateFunction(sum, UInt64) COMMENT 'All input, cached and written to a cache included',
    output_tokens SimpleAggregateFunction(sum, UInt64) COMMENT 'All output, reasoning included',
    cost_usd      SimpleAggregateFunction(sum, Decimal(38, 12)) COMMENT 'Of the priced calls',
    shapes        AggregateFunction(uniqCombined(12), UInt64) COMMENT 'Different calls, by model and tokens: far fewer than calls is a loop'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, run, run_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
