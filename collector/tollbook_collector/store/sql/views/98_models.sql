-- One row for each day, provider and model: calls, tokens, cost, and what each of them comes to.
CREATE OR REPLACE VIEW models
(
    tenant LowCardinality(String) COMMENT 'Whose data it is',
    day Date COMMENT 'Day on which the calls started, UTC',
    provider LowCardinality(String) COMMENT 'gen_ai.provider.name',
    model LowCardinality(String) COMMENT 'As the price book names it; unknown ones as they came',
    calls Int64 COMMENT 'Model calls',
    errors Int64 COMMENT 'Of them, those that failed',
    unpriced_calls Int64 COMMENT 'Of them, those that used tokens at an unknown cost',
    input_tokens Int64 COMMENT 'Cached ones included',
    cache_read_tokens Int64 COMMENT 'Of the input',
    output_tokens Int64 COMMENT 'Reasoning included',
    cost_usd Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none of the calls has a known price',
    error_share Float64 COMMENT 'Errors among the calls, 0 to 1',
    cache_share Float64 COMMENT 'Of the input, what was read from a cache, 0 to 1',
    seconds_per_call Float64 COMMENT 'Seconds from start to end, on average'
)
AS SELECT
    tenant,
    toDate(hour) AS day,
    provider,
    model,
    sum(spend.calls) AS calls,
    sum(spend.errors) AS errors,
    sum(spend.unpriced_calls) AS unpriced_calls,
    sum(spend.input_tokens) AS input_tokens,
    sum(spend.cache_read_tokens) AS cache_read_tokens,
    sum(spend.output_tokens) AS output_tokens,
    sum(spend.cost_usd) AS cost_usd,
    if(calls = 0, 0, errors / calls) AS error_share,
    if(input_tokens = 0, 0, cache_read_tokens / input_tokens) AS cache_share,
    if(calls = 0, 0, sum(spend.duration_ns) / calls / 1e9) AS seconds_per_call
FROM spend
GROUP BY tenant, day, provider, model
