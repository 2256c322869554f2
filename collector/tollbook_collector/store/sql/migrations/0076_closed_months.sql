-- One row for each month that was closed: who closed it, and its report, which is printed as it is from then on.
CREATE TABLE IF NOT EXISTS closed_months
(
    tenant    LowCardinality(String) COMMENT 'Whose data it is',
    period    Date COMMENT 'First day of the month',
    closed_at DateTime64(6, 'UTC') COMMENT 'When it was closed',
    author    String COMMENT 'Who closed it',
    report    String CODEC(ZSTD(3)) COMMENT 'The report, as JSON',
    sha256    String COMMENT 'Of the report, in hexadecimal'
)
ENGINE = MergeTree
ORDER BY (tenant, period)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
