-- One row for each tenant, key, signal and hour of the last two days whose books do not balance: how many items are missing; below 0: too many.
SELECT
    tenant,
    key,
    signal,
    hour,
    imbalance
FROM books
WHERE hour >= now('UTC') - INTERVAL 2 DAY AND imbalance != 0
ORDER BY hour, tenant, key, signal
LIMIT 10000
