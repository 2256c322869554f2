-- One row for each tenant, provider and model with calls at an unknown cost since a moment.
SELECT
    tenant,
    provider,
    model,
    sum(spend_hourly.unpriced_calls) AS calls,
    min(hour) AS since_hour
FROM spend_hourly
WHERE hour >= {since:DateTime('UTC')} AND spend_hourly.unpriced_calls > 0
GROUP BY tenant, provider, model
ORDER BY calls DESC, tenant, provider, model
LIMIT {limit:UInt32}
