-- One row for each minute and combination of the columns up to service_tier: calls, tokens and cost, summed.
CREATE TABLE IF NOT EXISTS spend_minutely
(
    tenant             LowCardinality(String) COMMENT 'Whose data it is',
    minute             DateTime('UTC') COMMENT 'Start of the minute in which the calls started',
    service            LowCardinality(String) COMMENT 'service.name of the resource',
    environment        LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    provider           LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model              LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    operation          LowCardinality(String) COMMENT 'gen_ai.operation.name',
    team               LowCardinality(String) COMMENT 'Tag team',
    feature            LowCardinality(String) COMMENT 'Tag feature',
    customer           LowCardinality(String) COMMENT 'Tag customer',
    service_tier       LowCardinality(String) COMMENT 'Tier that was served',
    calls              UInt64 COMMENT 'Model calls',
    errors             UInt64 COMMENT 'Calls that failed',
    unpriced_calls     UInt64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    input_tokens       UInt64 COMMENT 'All input, cached and written to a cache included',
    cache_read_tokens  UInt64 COMMENT 'Of the input',
    cache_write_tokens UInt64 COMMENT 'Of the input',
    output_tokens      UInt64 COMMENT 'All output, reasoning included',
    reasoning_tokens   UInt64 COMMENT 'Of the output',
    duration_ns        UInt64 COMMENT 'Of all calls together',
    cost_usd           Decimal(38, 12) COMMENT 'Of the priced calls'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, minute, service, environment, provider, model, operation, team, feature, customer, service_tier)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
