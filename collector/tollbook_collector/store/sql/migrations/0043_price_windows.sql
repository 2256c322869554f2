-- One row for each part of the week in which a model of a price book has rates of their own.
CREATE TABLE IF NOT EXISTS price_windows
(
    book_at      DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    provider     LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    model        LowCardinality(String) COMMENT 'Name in the price book',
    variant      LowCardinality(String) COMMENT 'Of the rates that hold then: window:peak',
    weekdays     UInt8 COMMENT 'Bit 0 is Monday, bit 6 Sunday, UTC',
    start_minute UInt16 COMMENT 'Of the day, UTC',
    end_minute   UInt16 COMMENT 'First minute after it'
)
ENGINE = MergeTree
ORDER BY (book_at, provider, model, variant, start_minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
