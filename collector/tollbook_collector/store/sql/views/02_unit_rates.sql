-- One row for each rate card of the newest price book that has rates beside those of tokens: its units and what one of each costs.
CREATE OR REPLACE VIEW unit_rates AS
SELECT
    price_id,
    groupArray(toString(meter)) AS meters,
    groupArray(rate_usd) AS rates_usd
FROM rates
WHERE book_at = (SELECT max(book_at) FROM price_books)
    AND meter NOT IN ('input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond', 'unconverted')
GROUP BY price_id
