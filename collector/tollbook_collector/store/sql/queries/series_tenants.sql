-- One row for each tenant that had calls since a time: its first and its newest minute with a call.
SELECT
    tenant,
    min(hour) AS first_hour,
    max(hour) AS newest_hour
FROM series_hourly
WHERE hour >= {since:DateTime('UTC')}
GROUP BY tenant
ORDER BY tenant
