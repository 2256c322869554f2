-- One row for each signal and key, most received first: what came in a period of arrival and what became of it, in spans, log records or metric points.
SELECT
    signal,
    key,
    sum(books.received) AS received,
    sum(books.stored) AS stored,
    sum(books.rejected) AS rejected,
    sum(books.dropped) AS dropped,
    sum(books.imbalance) AS imbalance,
    sumMap(books.fates) AS fates
FROM books
WHERE tenant = {tenant:String}
    AND hour >= toStartOfHour({since:DateTime('UTC')})
    AND hour < {until:DateTime('UTC')}
GROUP BY signal, key
ORDER BY received DESC, signal, key
LIMIT {limit:UInt32}
