-- One row for each version of a claim to do a duty alone; of those that have not run out, the oldest claim counts.
CREATE TABLE IF NOT EXISTS leases
(
    name       LowCardinality(String) COMMENT 'What is done by one collector at a time',
    term       String COMMENT 'Id of the claim: from its beginning through all its renewals',
    holder     String COMMENT 'The collector that claims it: host and run',
    claimed_at DateTime64(6, 'UTC') COMMENT 'When the claim was made, by the clock of the store',
    renewed_at DateTime64(6, 'UTC') COMMENT 'When this version was written, by the clock of the store',
    expires_at DateTime64(6, 'UTC') COMMENT 'From when it does not count any more, unless it is renewed'
)
ENGINE = ReplacingMergeTree(renewed_at)
ORDER BY (name, claimed_at, term)
TTL toDateTime(expires_at) + INTERVAL 1 DAY
