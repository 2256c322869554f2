-- One row for each hour and combination of dimensions of a closed month: what was charged when it was closed.
CREATE TABLE IF NOT EXISTS closed_charges
(
    tenant       LowCardinality(String) COMMENT 'Whose data it is',
    period       Date COMMENT 'First day of the month',
    closed_at    DateTime64(6, 'UTC') COMMENT 'The closing, as closed_months has it',
    kind         LowCardinality(String) COMMENT 'spend, or the kind of adjustment',
    hour         DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    service      LowCardinality(String) COMMENT 'service.name of the resource',
    environment  LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    provider     LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model        LowCardinality(String) COMMENT 'Model as the price book names it',
    operation    LowCardinality(String) COMMENT 'gen_ai.operation.name',
    team         LowCardinality(String) COMMENT 'Tag team',
    feature      LowCardinality(String) COMMENT 'Tag feature',
    customer     LowCardinality(String) COMMENT 'Tag customer',
    service_tier LowCardinality(String) COMMENT 'Tier that was served',
    calls        Int64 COMMENT 'Calls charged',
    cost_usd     Decimal(38, 12) COMMENT 'Charge'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(period)
ORDER BY (tenant, period, hour)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
