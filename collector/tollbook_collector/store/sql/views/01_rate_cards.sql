-- One row for each rate card of the newest price book: all rates of a model in a tier, above a context length, in a period, somewhere or at some hours.
-- A class that has no rate of its own is billed as the class it is part of; without a rate for all input (output) no input (output) has a price.
CREATE OR REPLACE VIEW rate_cards AS
SELECT
    provider,
    model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to,
    valid_to - 1 AS last_second,
    any(rates.price_id) AS price_id,
    book_at,
    countIf(meter = 'input') > 0 AS input_known,
    countIf(meter = 'output') > 0 AS output_known,
    anyIf(rate_usd, meter = 'input') AS input_usd,
    if(countIf(meter = 'cache_read') > 0, anyIf(rate_usd, meter = 'cache_read'), input_usd) AS cache_read_usd,
    if(countIf(meter = 'cache_write') > 0, anyIf(rate_usd, meter = 'cache_write'), input_usd) AS cache_write_usd,
    if(countIf(meter = 'cache_write_1h') > 0, anyIf(rate_usd, meter = 'cache_write_1h'), cache_write_usd) AS cache_write_1h_usd,
    if(countIf(meter = 'input_audio') > 0, anyIf(rate_usd, meter = 'input_audio'), input_usd) AS input_audio_usd,
    if(countIf(meter = 'input_image') > 0, anyIf(rate_usd, meter = 'input_image'), input_usd) AS input_image_usd,
    anyIf(rate_usd, meter = 'output') AS output_usd,
    if(countIf(meter = 'reasoning') > 0, anyIf(rate_usd, meter = 'reasoning'), output_usd) AS reasoning_usd,
    if(countIf(meter = 'output_audio') > 0, anyIf(rate_usd, meter = 'output_audio'), output_usd) AS output_audio_usd,
    if(countIf(meter = 'output_image') > 0, anyIf(rate_usd, meter = 'output_image'), output_usd) AS output_image_usd,
    anyIf(rate_usd, meter = 'millisecond') AS millisecond_usd,
    countIf(meter = 'unconverted') > 0 AS unconverted,
    unconverted + 2 * (countIf(meter = 'request_fee') > 0) AS remarks,
    any(rates.source) AS source
FROM rates
WHERE book_at = (SELECT max(book_at) FROM price_books)
GROUP BY book_at, provider, model, service_tier, context_over, variant, valid_from, valid_to
