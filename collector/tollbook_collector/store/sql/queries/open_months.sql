-- One row for each month with charges that is not closed, oldest first.
SELECT DISTINCT period
FROM charges
WHERE tenant = {tenant:String} AND (calls != 0 OR cost_usd != 0) AND period NOT IN (SELECT period FROM closed_months WHERE tenant = {tenant:String})
ORDER BY period
LIMIT {limit:UInt32}
