-- One row for each hour, provider and model with calls that ended well: how long they took, in milliseconds.
CREATE OR REPLACE VIEW latency
(
    tenant LowCardinality(String) COMMENT 'Whose data it is',
    hour DateTime('UTC') COMMENT 'Hour in which the calls started, UTC',
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model LowCardinality(String) COMMENT 'As the price book names it; unknown ones as they came',
    calls UInt64 COMMENT 'Calls that ended well',
    streamed_calls UInt64 COMMENT 'Of them, those whose first chunk was timed',
    p50_ms Float64 COMMENT 'Milliseconds from start to end, half took less',
    p95_ms Float64 COMMENT '95 of 100 took less, milliseconds',
    p99_ms Float64 COMMENT '99 of 100 took less, milliseconds',
    first_chunk_p50_ms Nullable(Float64) COMMENT 'Milliseconds to the first chunk of a stream; NULL: none was streamed',
    first_chunk_p95_ms Nullable(Float64) COMMENT '95 of 100 took less, milliseconds; NULL: none was streamed',
    output_tokens_per_s Nullable(Float64) COMMENT 'Output tokens for a second of the calls; NULL: no output was reported'
)
AS SELECT
    tenant,
    toDateTime(toStartOfHour(started_at), 'UTC') AS hour,
    provider,
    model,
    count() AS calls,
    countIf(time_to_first_chunk_ns IS NOT NULL) AS streamed_calls,
    quantile(0.5)(duration_ns) / 1e6 AS p50_ms,
    quantile(0.95)(duration_ns) / 1e6 AS p95_ms,
    quantile(0.99)(duration_ns) / 1e6 AS p99_ms,
    quantile(0.5)(time_to_first_chunk_ns) / 1e6 AS first_chunk_p50_ms,
    quantile(0.95)(time_to_first_chunk_ns) / 1e6 AS first_chunk_p95_ms,
    sum(output_tokens) / nullIf(sumIf(duration_ns, output_tokens IS NOT NULL), 0) * 1e9 AS output_tokens_per_s
FROM calls
WHERE NOT failed AND billable
GROUP BY tenant, hour, provider, model
