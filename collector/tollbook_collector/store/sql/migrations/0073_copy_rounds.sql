-- One row for each hour that was searched for copies: how many calls it had then, and what the round took back is in the roll-ups.
CREATE TABLE IF NOT EXISTS copy_rounds
(
    hour     DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    found_at DateTime64(6, 'UTC') COMMENT 'The round, as copies has it',
    calls    Int64 COMMENT 'Calls of all tenants that the hour had, copies included'
)
ENGINE = MergeTree
ORDER BY (hour, found_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
