-- One row for each change of a charge after it was recorded: how much, when it was used and when it is charged, why, and who said so; rows are only added.
CREATE TABLE IF NOT EXISTS adjustments
(
    tenant          LowCardinality(String) COMMENT 'Whose data it is',
    made_at         DateTime64(6, 'UTC') COMMENT 'When it was made; the same for all rows of one change',
    kind            LowCardinality(String) COMMENT 'rerate: priced anew; late: moved from a closed month to the next open one; copy: what was priced anew turned out to be a copy',
    period          Date COMMENT 'First day of the month in which it is charged',
    hour            DateTime('UTC') COMMENT 'Start of the hour in which the call started: the usage date',
    call_key        UInt64 COMMENT 'tollbook_copy_key of the call; 0: of all calls of the hour and dimensions together',
    trace_id        FixedString(16) CODEC(ZSTD(1)) COMMENT 'Of the call; zero bytes: of more than one',
    span_id         FixedString(8) COMMENT 'Of the call; zero bytes: of more than one',
    key             LowCardinality(String) COMMENT 'Public id of the key the call came with',
    service         LowCardinality(String) COMMENT 'service.name of the resource',
    environment     LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    provider        LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model           LowCardinality(String) COMMENT 'Model as the price book named it when the call was recorded',
    operation       LowCardinality(String) COMMENT 'gen_ai.operation.name',
    team            LowCardinality(String) COMMENT 'Tag team',
    feature         LowCardinality(String) COMMENT 'Tag feature',
    customer        LowCardinality(String) COMMENT 'Tag customer',
    service_tier    LowCardinality(String) COMMENT 'Tier that was served',
    user_id         String CODEC(ZSTD(1)) COMMENT 'user.id',
    conversation_id String CODEC(ZSTD(1)) COMMENT 'gen_ai.conversation.id',
    run             String CODEC(ZSTD(1)) COMMENT 'tollbook.run.id',
    agent           LowCardinality(String) COMMENT 'gen_ai.agent.name',
    tags            Map(LowCardinality(String), String) CODEC(ZSTD(1)) COMMENT 'All tags',
    calls           Int64 COMMENT 'Calls that are moved with it; 0: none, only their cost changes',
    old_usd         Nullable(Decimal(38, 12)) COMMENT 'Charge of the call before; NULL: its cost was unknown, or it is of more than one',
    new_usd         Nullable(Decimal(38, 12)) COMMENT 'Charge of the call from now on; NULL: it is of more than one',
    amount_usd      Decimal(38, 12) COMMENT 'What is added to the charges of the period; negative: taken off',
    old_price_id    LowCardinality(String) COMMENT 'Rate card it was recorded with',
    new_price_id    LowCardinality(String) COMMENT 'Rate card it is priced with now',
    book_at         Nullable(DateTime64(3, 'UTC')) COMMENT 'Version of the price book that it is priced with now; NULL: no price is the cause',
    author          LowCardinality(String) COMMENT 'Who made it',
    reason          LowCardinality(String) COMMENT 'Why'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(made_at)
ORDER BY (tenant, period, hour, call_key)
SETTINGS
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1,
    fsync_part_directory = 1
