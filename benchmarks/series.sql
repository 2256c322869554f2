-- Adds a day of spend of many customers to the detector's series: busy days, quiet nights.
INSERT INTO series_hourly (tenant, hour, key, service, environment, version, provider, model, response_model, team, feature, customer, run, calls, errors, input_tokens, cache_read_tokens, output_tokens, cost_usd)
SELECT
    'bench',
    toDateTime({day:DateTime('UTC')}, 'UTC') + toIntervalHour(number % {hours:UInt32}) AS hour,
    'key1',
    'shop',
    'production',
    '1.0',
    'openai',
    'gpt-5-mini',
    'gpt-5-mini',
    'search',
    'question',
    concat('customer-', toString(intDiv(number, {hours:UInt32}))) AS customer,
    '',
    toUInt64((5 + cityHash64(customer) % 200) * if(toHour(hour) BETWEEN 7 AND 18, 1, 0.2) * (0.8 + 0.4 * (cityHash64(customer, hour) % 1000) / 1000)) + 1 AS calls,
    0,
    1000 * calls,
    500 * calls,
    300 * calls,
    toDecimal128(calls, 12) * toDecimal128('0.004', 12)
FROM numbers({customers:UInt64} * {hours:UInt32})
