-- One row for each request that was let in, or tried to sign in, and the same again within seconds: who saw or changed what.
CREATE TABLE IF NOT EXISTS audit
(
    tenant  LowCardinality(String) COMMENT 'Whose data it was about; empty: nobody was let in',
    at      DateTime64(3, 'UTC') COMMENT 'When it was first made, UTC',
    actor   String COMMENT 'Public id of the key, or oidc: and the name of a person; open: no keys are configured',
    name    String COMMENT 'Of the key or the person, for people',
    role    LowCardinality(String) COMMENT 'viewer, analyst or admin',
    address String COMMENT 'Where it came from',
    method  LowCardinality(String) COMMENT 'Of HTTP; GET and HEAD see, the others change or ask in SQL',
    path    String COMMENT 'What was asked for',
    detail  String CODEC(ZSTD(1)) COMMENT 'The SQL that was asked, else the parameters in the address; at most 4000 characters',
    status  UInt16 COMMENT 'Of HTTP: below 400 it was answered',
    times   UInt32 COMMENT 'How often, within seconds'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, at)
TTL toDateTime(at) + toIntervalDay(400)
