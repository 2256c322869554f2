-- One row for each rate of a price book: what one token of one meter costs, of which model, and when.
CREATE TABLE IF NOT EXISTS rates
(
    book_at      DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    price_id     String COMMENT 'Rate card: provider/model/tier/context/first day',
    provider     LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    model        LowCardinality(String) COMMENT 'Name in the price book',
    service_tier LowCardinality(String) COMMENT 'standard, flex, priority, fast, batch',
    context_over UInt64 COMMENT 'Holds for calls with more input tokens than this; 0: for all',
    meter        LowCardinality(String) COMMENT 'input, cache_read, cache_write, output, …',
    rate_usd     Decimal(38, 12) COMMENT 'USD per token',
    valid_from   DateTime('UTC') COMMENT 'First instant at which it holds, UTC',
    valid_to     DateTime('UTC') COMMENT 'First instant at which it no longer holds',
    source       LowCardinality(String) COMMENT 'Where it was read'
)
ENGINE = MergeTree
ORDER BY (book_at, provider, model, service_tier, context_over, valid_from, meter)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
