-- One row for each rule of a price book that names its model for a provider and a model string.
CREATE TABLE IF NOT EXISTS model_patterns
(
    book_at DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    id      UInt64 COMMENT 'Precedence: of the rules that match, the smallest id wins',
    regexp  String COMMENT 'RE2, for provider:model in lower case',
    model   String COMMENT 'Name in the price book; empty: of no model that is priced'
)
ENGINE = MergeTree
ORDER BY (book_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
