-- One row for each rate card of the newest price book: what a model costs for a million tokens, in a tier, above a context length, in a period.
CREATE OR REPLACE VIEW prices
(
    provider LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    model LowCardinality(String) COMMENT 'Name in the price book',
    service_tier LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    context_over UInt64 COMMENT 'Holds for calls with more input tokens than this',
    variant LowCardinality(String) COMMENT 'Region or hours for which it holds; empty: always',
    valid_from DateTime('UTC') COMMENT 'First second at which it holds, UTC',
    valid_to DateTime('UTC') COMMENT 'From when it no longer holds, UTC',
    holds_now Bool COMMENT 'Whether it holds at this moment',
    input_usd_per_million Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens of input; NULL: not known',
    cache_read_usd_per_million Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens read from a cache; NULL: not known',
    cache_write_usd_per_million Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens written to a cache; NULL: not known',
    output_usd_per_million Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens of output; NULL: not known',
    price_id String COMMENT 'Names the rate card in calls.price_id',
    source String COMMENT 'Where the rates are from'
)
AS SELECT
    provider,
    model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to,
    valid_from <= now('UTC') AND now('UTC') < valid_to AS holds_now,
    if(input_known, input_usd * 1000000, NULL) AS input_usd_per_million,
    if(input_known, cache_read_usd * 1000000, NULL) AS cache_read_usd_per_million,
    if(input_known, cache_write_usd * 1000000, NULL) AS cache_write_usd_per_million,
    if(output_known, output_usd * 1000000, NULL) AS output_usd_per_million,
    price_id,
    source
FROM rate_cards
