-- One row for each minute and combination of the columns up to run: calls, tokens and cost, summed; kept for 35 days.
CREATE TABLE IF NOT EXISTS series_minutely
(
    tenant             LowCardinality(String) COMMENT 'Whose data it is',
    minute             DateTime('UTC') COMMENT 'Start of the minute in which the calls started',
    key                LowCardinality(String) COMMENT 'Public id of the key that they came with',
    service            LowCardinality(String) COMMENT 'service.name of the resource',
    environment        LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    version            LowCardinality(String) COMMENT 'service.version of the resource',
    provider           LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model              LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    response_model     LowCardinality(String) COMMENT 'Model that answered, as the provider names its version',
    team               LowCardinality(String) COMMENT 'Tag team',
    feature            LowCardinality(String) COMMENT 'Tag feature',
    customer           LowCardinality(String) COMMENT 'Tag customer',
    run                LowCardinality(String) COMMENT 'Name of the agent task, else of the agent; empty: none',
    calls              UInt64 COMMENT 'Model calls',
    errors             UInt64 COMMENT 'Calls that failed',
    retries            UInt64 COMMENT 'Times that calls were sent again, as far as their spans say so',
    unpriced_calls     UInt64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    estimated_calls    UInt64 COMMENT 'Calls whose usage was not reported in full',
    fixed_calls        UInt64 COMMENT 'Calls whose reported usage had something wrong that was left out or repaired',
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
ORDER BY (tenant, minute, key, service, environment, version, provider, model, response_model, team, feature, customer, run)
TTL minute + INTERVAL 35 DAY
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
