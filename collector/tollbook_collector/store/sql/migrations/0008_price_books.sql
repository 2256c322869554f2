-- One row for each price book that was ever in force; the newest is the one that prices.
CREATE TABLE IF NOT EXISTS price_books
(
    book_at DateTime64(3, 'UTC') COMMENT 'When it was written: the version of the book',
    sha256  String COMMENT 'Of its patterns and rates, in hexadecimal',
    source  String COMMENT 'Where it comes from'
)
ENGINE = MergeTree
ORDER BY book_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
