-- The report of a closed month, when it was closed and by whom; no row: it is open.
SELECT
    report,
    closed_at,
    author,
    sha256
FROM closed_months
WHERE tenant = {tenant:String} AND period = {period:Date}
ORDER BY closed_at
LIMIT 1
