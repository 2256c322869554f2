-- What an assistant is told of spend: a row for each value of some dimensions in the last days, dearest first.
SELECT
    $columns,
    sum(calls) AS calls,
    sum(errors) AS errors,
    sum(unpriced_calls) AS unpriced_calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cost_usd) AS cost_usd
FROM spend
WHERE hour >= now() - toIntervalDay($days)
GROUP BY $names
ORDER BY cost_usd DESC
LIMIT 100
