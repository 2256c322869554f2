-- One row for each version of what a collector has taken of a budget to lend to programs; of a collector the newest counts, until it is too old.
CREATE TABLE IF NOT EXISTS limit_claims
(
    tenant      LowCardinality(String) COMMENT 'Whose budget it is',
    budget      LowCardinality(String) COMMENT 'Name of the budget',
    value       String COMMENT 'Value of the dimension that the budget is for; empty: all of it',
    collector   String COMMENT 'Id of the collector, another one after each start',
    claimed_usd Decimal(38, 12) COMMENT 'US dollars that only this collector may lend: leases that run, what was used and is not measured, and room for more',
    written_at  DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this version was written, by the clock of the store'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (tenant, budget, value, collector)
TTL toDateTime(written_at) + INTERVAL 1 DAY
