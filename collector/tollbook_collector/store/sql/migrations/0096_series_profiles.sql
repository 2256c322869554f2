-- One row for each series and day on which it was looked at as a whole: the records of its 28 days before, for the screen.
CREATE TABLE IF NOT EXISTS series_profiles
(
    tenant      LowCardinality(String) COMMENT 'Whose data it is',
    built_on    Date COMMENT 'The day before which the 28 days lie',
    dimensions  LowCardinality(String) COMMENT 'Names of the dimensions, with a comma between',
    series      UInt64 COMMENT 'Number of the series among those of its dimensions',
    calls_max   Array(Float64) COMMENT 'Most calls in an hour, by hour of the day from 0 to 23, UTC',
    cost_max    Array(Float64) COMMENT 'Highest spend in an hour in USD, by hour of the day',
    day_calls   Float64 COMMENT 'Most calls in a day',
    day_cost    Float64 COMMENT 'Highest spend in a day in USD',
    size_max    Float64 COMMENT 'Highest USD for a call, by day',
    input_max   Float64 COMMENT 'Most input tokens for a call, by day',
    price_max   Float64 COMMENT 'Highest USD for a weighted token, by day',
    cache_min   Float64 COMMENT 'Smallest share of cached input tokens, by day',
    error_max   Float64 COMMENT 'Largest share of failed calls, by day',
    calls_mean  Float64 COMMENT 'Calls in an hour',
    heard_share Float64 COMMENT 'Share of hours with a call',
    age_days    UInt16 COMMENT 'Days since its first call, at most 28'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(built_on)
ORDER BY (tenant, built_on, dimensions, series)
TTL built_on + INTERVAL 7 DAY DELETE
