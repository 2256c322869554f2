-- One row for each tenant and day: by how much its own last weeks move the strength at which alarms open.
CREATE TABLE IF NOT EXISTS alarm_shifts
(
    tenant       LowCardinality(String) COMMENT 'Whose data it is',
    built_on     Date COMMENT 'The day before which the weeks lie',
    shift        Float64 COMMENT 'Decades of rarity that are added to the strength at which alarms open; negative: told sooner',
    series       UInt32 COMMENT 'Series that were replayed',
    series_weeks Float64 COMMENT 'Weeks of all of them together that were judged',
    alarms       UInt32 COMMENT 'Alarms that the replay raised at the lowest strength'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, built_on)
TTL built_on + INTERVAL 90 DAY DELETE
