-- One row for each rate card that ever was, under its price_id: the rates of its versions, the newest first.
-- A class without a rate of its own has that of the class it is part of; classes has their names: those of tokens in one order, then the units beside them.
CREATE OR REPLACE VIEW price_cards AS
SELECT
    price_id,
    groupArray(classes) AS classes_versions,
    groupArray(rates_usd) AS rates_usd_versions,
    groupArray(list_usd) AS list_usd_versions
FROM
(
    SELECT
        price_id,
        classes,
        rates_usd,
        list_usd,
        max(book_at) AS last_book_at
    FROM
    (
        SELECT
            book_at,
            price_id,
            mapFromArrays(groupArray(toString(meter)), groupArray(rate_usd)) AS rate,
            mapFromArrays(groupArray(toString(meter)), groupArray(ifNull(rates.list_usd, rate_usd))) AS listed,
            ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond'] AS token_classes,
            arraySort(arrayFilter(meter_one -> NOT has(token_classes, meter_one) AND meter_one != 'unconverted', mapKeys(rate))) AS unit_classes,
            arrayConcat(token_classes, unit_classes) AS classes,
            arrayConcat([
                rate['input'],
                if(mapContains(rate, 'cache_read'), rate['cache_read'], rate['input']),
                if(mapContains(rate, 'cache_write'), rate['cache_write'], rate['input']),
                multiIf(mapContains(rate, 'cache_write_1h'), rate['cache_write_1h'], mapContains(rate, 'cache_write'), rate['cache_write'], rate['input']),
                if(mapContains(rate, 'input_audio'), rate['input_audio'], rate['input']),
                if(mapContains(rate, 'input_image'), rate['input_image'], rate['input']),
                rate['output'],
                if(mapContains(rate, 'reasoning'), rate['reasoning'], rate['output']),
                if(mapContains(rate, 'output_audio'), rate['output_audio'], rate['output']),
                if(mapContains(rate, 'output_image'), rate['output_image'], rate['output']),
                rate['millisecond']
            ], arrayMap(meter_one -> rate[meter_one], unit_classes)) AS rates_usd,
            arrayConcat([
                listed['input'],
                if(mapContains(listed, 'cache_read'), listed['cache_read'], listed['input']),
                if(mapContains(listed, 'cache_write'), listed['cache_write'], listed['input']),
                multiIf(mapContains(listed, 'cache_write_1h'), listed['cache_write_1h'], mapContains(listed, 'cache_write'), listed['cache_write'], listed['input']),
                if(mapContains(listed, 'input_audio'), listed['input_audio'], listed['input']),
                if(mapContains(listed, 'input_image'), listed['input_image'], listed['input']),
                listed['output'],
                if(mapContains(listed, 'reasoning'), listed['reasoning'], listed['output']),
                if(mapContains(listed, 'output_audio'), listed['output_audio'], listed['output']),
                if(mapContains(listed, 'output_image'), listed['output_image'], listed['output']),
                listed['millisecond']
            ], arrayMap(meter_one -> listed[meter_one], unit_classes)) AS list_usd
        FROM rates
        WHERE book_at IN (SELECT price_books.book_at FROM price_books)
        GROUP BY book_at, price_id
    )
    GROUP BY price_id, classes, rates_usd, list_usd
    ORDER BY last_book_at DESC
)
GROUP BY price_id
