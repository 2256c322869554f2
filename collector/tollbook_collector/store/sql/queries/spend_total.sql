-- One row: calls, tokens and cost of the whole hours from since (its hour included) to until (excluded).
SELECT
    sum(spend_hourly.calls) AS calls,
    sum(spend_hourly.errors) AS errors,
    sum(spend_hourly.unpriced_calls) AS unpriced_calls,
    sum(spend_hourly.input_tokens) AS input_tokens,
    sum(spend_hourly.cache_read_tokens) AS cache_read_tokens,
    sum(spend_hourly.output_tokens) AS output_tokens,
    sum(spend_hourly.cost_usd) AS cost_usd
FROM spend_hourly
WHERE tenant = {tenant:String}
    AND hour >= toStartOfHour({since:DateTime('UTC')})
    AND hour < {until:DateTime('UTC')}
