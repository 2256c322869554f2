-- One row for each line of a provider's bill or usage report that was read: a day, model, tier and class of tokens.
CREATE TABLE IF NOT EXISTS bill_lines
(
    tenant       LowCardinality(String) COMMENT 'Whose bill it is',
    bill         String COMMENT 'SHA-256 of the files that were read together, in hexadecimal',
    line         UInt64 COMMENT 'Number of the line, from 0',
    form         LowCardinality(String) COMMENT 'Form of the file: OpenAI costs, FOCUS, …',
    day          Date COMMENT 'UTC',
    provider     LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    model        LowCardinality(String) COMMENT 'As the provider names it',
    service_tier LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    class        LowCardinality(String) COMMENT 'Class of tokens, as of token_charges; total: all of them; other: no tokens',
    quantity     Nullable(Decimal(38, 12)) COMMENT 'Tokens; NULL: the report has none',
    amount_usd   Nullable(Decimal(38, 12)) COMMENT 'Cost; NULL: the report has none',
    read_at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was read'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, bill, line)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
