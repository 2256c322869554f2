-- One row for each value of a dimension that a tenant keeps for a day, because it has more of them than it may; the empty value says so.
CREATE TABLE IF NOT EXISTS kept_values
(
    day       Date COMMENT 'UTC',
    tenant    String COMMENT 'Whose calls they are of',
    dimension LowCardinality(String) COMMENT 'service, model, team, feature or customer',
    value     String COMMENT 'Kept as it is; every other one becomes (other). Empty: the dimension is over its cap'
)
ENGINE = ReplacingMergeTree
ORDER BY (day, tenant, dimension, value)
TTL day + INTERVAL 7 DAY
