-- One row for each tenant and signal whose books do not balance in the hours from since to until: how many items are missing.
SELECT
    tenant,
    signal,
    sum(books.imbalance) AS missing,
    min(books.hour) AS first_hour
FROM books
WHERE books.hour >= {since:DateTime('UTC')} AND books.hour < {until:DateTime('UTC')}
GROUP BY tenant, signal
HAVING missing != 0
ORDER BY tenant, signal
LIMIT {limit:UInt32}
