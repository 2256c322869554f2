-- One row for each model call that a search took for a copy of another one, before it was made sure that no other search had said so; kept for a day.
CREATE TABLE IF NOT EXISTS copy_candidates
(
    search             String COMMENT 'Names the search',
    searched_at        DateTime('UTC') COMMENT 'When it was',
    tenant             LowCardinality(String) COMMENT 'Whose data it is',
    copy_key           UInt64 COMMENT 'tollbook_copy_key of the span',
    original_key       UInt64 COMMENT 'tollbook_copy_key of the span that counts',
    reason             LowCardinality(String) COMMENT 'response: the same response id; span: the same span twice; trace: the same usage within each other in one trace; original: what it was a copy of is one itself',
    trace_id           FixedString(16) CODEC(ZSTD(1)) COMMENT 'Of the copy',
    span_id            FixedString(8) COMMENT 'Of the copy',
    dedup_of           FixedString(8) COMMENT 'Span id of the copy that counts',
    received_at        DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the collector had the copy on disk',
    started_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the copy started, UTC',
    service            LowCardinality(String) COMMENT 'service.name of the resource',
    environment        LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    provider           LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model              LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    operation          LowCardinality(String) COMMENT 'gen_ai.operation.name',
    team               LowCardinality(String) COMMENT 'Tag team',
    feature            LowCardinality(String) COMMENT 'Tag feature',
    customer           LowCardinality(String) COMMENT 'Tag customer',
    service_tier       LowCardinality(String) COMMENT 'Tier that was served',
    failed             Bool COMMENT 'Whether it ended in an error',
    unpriced           Bool COMMENT 'Whether it used tokens at a cost that is unknown',
    input_tokens       Int64 COMMENT 'All input, cached and written to a cache included',
    cache_read_tokens  Int64 COMMENT 'Of the input',
    cache_write_tokens Int64 COMMENT 'Of the input',
    output_tokens      Int64 COMMENT 'All output, reasoning included',
    reasoning_tokens   Int64 COMMENT 'Of the output',
    duration_ns        Int64 COMMENT 'From start to end',
    cost_usd           Decimal(38, 12) COMMENT 'What it would have cost; 0: its cost was unknown'
)
ENGINE = MergeTree
ORDER BY (search, copy_key)
TTL searched_at + INTERVAL 1 DAY
