-- The rate card of an id in the newest price book: USD for one token, by class, and for one of each unit beside them.
SELECT
    input_usd,
    cache_read_usd,
    cache_write_usd,
    cache_write_1h_usd,
    input_audio_usd,
    input_image_usd,
    output_usd,
    reasoning_usd,
    output_audio_usd,
    output_image_usd,
    dictGet('unit_rates_by_card', 'meters', price_id) AS meters,
    dictGet('unit_rates_by_card', 'rates_usd', price_id) AS unit_rates_usd,
    source
FROM rate_cards
WHERE price_id = {price_id:String}
LIMIT 1
