-- One row for each budget, value of its dimension and period: what was allowed, spent, and is to be expected.
CREATE TABLE IF NOT EXISTS budget_periods
(
    tenant            LowCardinality(String) COMMENT 'Whose data it is',
    budget            LowCardinality(String) COMMENT 'Name of the budget in tollbook.toml',
    dimension         LowCardinality(String) COMMENT 'Dimension that has a budget for each value; empty: one for all',
    value             String COMMENT 'Value of that dimension',
    period_starts_at  DateTime('UTC') COMMENT 'Start of the period, UTC',
    period_ends_at    DateTime('UTC') COMMENT 'End of the period, excluded, UTC',
    period            LowCardinality(String) COMMENT 'day, week or month',
    zone              LowCardinality(String) COMMENT 'IANA time zone of the calendar',
    chosen            Map(LowCardinality(String), Array(String)) COMMENT 'Calls that count: values by dimension; empty: all calls',
    hard              Bool COMMENT 'Whether SDKs are told to stop at the limit',
    owner             String COMMENT 'Who answers for it',
    limit_usd         Decimal(38, 12) COMMENT 'What may be spent in the period, USD',
    spent_usd         Decimal(38, 12) COMMENT 'Cost of the priced calls of the period so far, USD',
    remaining_usd     Decimal(38, 12) COMMENT 'Limit less spent, USD; negative: exceeded',
    calls             UInt64 COMMENT 'Calls that count, so far',
    unpriced_calls    UInt64 COMMENT 'Of them, those at an unknown cost: spent_usd lacks them',
    crossed           Decimal(9, 4) COMMENT 'Highest threshold that is crossed, as a share of the limit; 0: none',
    fast_burn         Float64 COMMENT 'Speed of spending in the short window over the speed that uses the limit up exactly',
    slow_burn         Float64 COMMENT 'The same in the long window',
    burning           LowCardinality(String) COMMENT 'fast or slow: at this speed the limit is used up before the period ends; empty: no',
    forecast_usd      Nullable(Decimal(38, 12)) COMMENT 'Spend to be expected by the end of the period, USD; NULL: too little history',
    forecast_low_usd  Nullable(Decimal(38, 12)) COMMENT 'Lower end of the 80 % interval of the forecast, USD',
    forecast_high_usd Nullable(Decimal(38, 12)) COMMENT 'Upper end of the 80 % interval of the forecast, USD',
    forecast_error    Nullable(Float64) COMMENT 'Mean absolute error of the same forecast made in the past, as a share of what came; NULL: no back-test',
    in_force          Bool COMMENT 'Whether tollbook.toml still has this budget',
    measured_at       DateTime64(3, 'UTC') COMMENT 'When this was measured, UTC'
)
ENGINE = ReplacingMergeTree(measured_at)
PARTITION BY toYYYYMM(period_starts_at)
ORDER BY (tenant, budget, dimension, value, period_starts_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
