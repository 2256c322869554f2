-- The rate card of an id in the newest price book: USD for one token, by class, and for one of each unit beside them, with how many of it a call is billed for.
-- units, counts: what the call used beside tokens, and how many of each; has_tokens: whether it used tokens.
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
    tollbook_unit_quantities(mapFromArrays({units:Array(String)}, {counts:Array(UInt64)}), meters, {has_tokens:Bool}) AS unit_quantities,
    source
FROM rate_cards
WHERE price_id = {price_id:String}
LIMIT 1
