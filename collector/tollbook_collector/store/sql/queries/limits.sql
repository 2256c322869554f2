-- One row for each hard budget and value of its dimension whose period holds now: which calls it is over, and what may still be spent.
SELECT
    budget,
    dimension,
    value,
    chosen,
    limit_usd,
    spent_usd,
    remaining_usd,
    period_ends_at,
    measured_at
FROM budgets
WHERE tenant = {tenant:String}
    AND in_force
    AND hard
    AND period_starts_at <= {now:DateTime('UTC')}
    AND period_ends_at > {now:DateTime('UTC')}
ORDER BY remaining_usd, budget, value
LIMIT {limit:UInt32}
