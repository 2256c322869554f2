-- One row for each tenant that had calls in a period.
SELECT DISTINCT tenant
FROM spend_hourly
WHERE hour >= {since:DateTime('UTC')}
    AND hour < {until:DateTime('UTC')}
    AND NOT startsWith(tenant, '_')
ORDER BY tenant
