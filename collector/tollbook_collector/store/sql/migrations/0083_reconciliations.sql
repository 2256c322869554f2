-- One row for each day, model, tier and class of tokens of a bill beside what was metered; a later comparison of the same bill takes the place of an earlier one.
CREATE TABLE IF NOT EXISTS reconciliations
(
    tenant         LowCardinality(String) COMMENT 'Whose bill it is',
    bill           String COMMENT 'SHA-256 of the files that were read together, in hexadecimal',
    reconciled_at  DateTime64(6, 'UTC') COMMENT 'When they were compared',
    day            Date COMMENT 'UTC',
    provider       LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    model          LowCardinality(String) COMMENT 'Name in the price book; unknown ones as they came',
    service_tier   LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    class          LowCardinality(String) COMMENT 'Class of tokens, as of token_charges, reasoning within output; total: all of them; other: no tokens',
    our_quantity   Decimal(38, 12) COMMENT 'Tokens that were metered',
    their_quantity Nullable(Decimal(38, 12)) COMMENT 'Tokens that were billed; NULL: the bill has none',
    our_cost_usd   Decimal(38, 12) COMMENT 'Cost of record of what was metered and has a price',
    their_cost_usd Nullable(Decimal(38, 12)) COMMENT 'Amount that was billed; NULL: the report has none'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, bill, reconciled_at, day, provider, model, service_tier, class)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
