-- One row for each SQL file that was applied to this database, with the checksum it had then.
CREATE TABLE IF NOT EXISTS schema_ledger
(
    file       String COMMENT 'Folder and name, without .sql',
    sha256     String COMMENT 'Of the text, in hexadecimal',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY file
