-- One row for each change of charges, newest first: when, why, by whom, and what it came to.
SELECT
    made_at,
    kind,
    author,
    reason,
    count() AS rows_added,
    min(period) AS first_month,
    max(period) AS last_month,
    sum(adjustments.amount_usd) AS amount_usd
FROM adjustments
WHERE tenant = {tenant:String}
GROUP BY made_at, kind, author, reason
ORDER BY made_at DESC, kind
LIMIT {limit:UInt32}
