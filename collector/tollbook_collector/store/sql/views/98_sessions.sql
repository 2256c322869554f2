-- One row for each session or conversation that calls were part of: what it cost, from its first call to its last.
CREATE OR REPLACE VIEW sessions
(
    tenant LowCardinality(String) COMMENT 'Whose data it is',
    session String COMMENT 'session.id or gen_ai.conversation.id, as the sender named it',
    user_id String COMMENT 'user.id of its calls; empty: none was named',
    first_call DateTime64(9, 'UTC') COMMENT 'When its first call started, UTC',
    last_call DateTime64(9, 'UTC') COMMENT 'When its newest call started, UTC',
    calls UInt64 COMMENT 'Model calls',
    errors UInt64 COMMENT 'Of them, those that failed',
    unpriced_calls UInt64 COMMENT 'Of them, those that used tokens at an unknown cost',
    models Array(String) COMMENT 'Models that were called, in order of their names',
    input_tokens UInt64 COMMENT 'Cached ones included',
    output_tokens UInt64 COMMENT 'Reasoning included',
    cost_usd Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none has a price'
)
AS SELECT
    tenant,
    conversation_id AS session,
    max(calls.user_id) AS user_id,
    min(started_at) AS first_call,
    max(started_at) AS last_call,
    count() AS calls,
    countIf(failed) AS errors,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    arraySort(groupUniqArray(toString(model))) AS models,
    sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
    sum(ifNull(calls.output_tokens, 0)) AS output_tokens,
    sum(calls.cost_usd) AS cost_usd
FROM calls
WHERE billable AND conversation_id != ''
GROUP BY tenant, session
