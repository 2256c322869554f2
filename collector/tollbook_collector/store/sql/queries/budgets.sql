-- One row for each budget and value of its dimension whose period holds now, the one used most first.
SELECT
    budget,
    dimension,
    value,
    period,
    zone,
    period_starts_at,
    period_ends_at,
    chosen,
    hard,
    owner,
    limit_usd,
    spent_usd,
    remaining_usd,
    calls,
    unpriced_calls,
    crossed,
    fast_burn,
    slow_burn,
    burning,
    forecast_usd,
    forecast_low_usd,
    forecast_high_usd,
    forecast_error,
    measured_at
FROM budgets
WHERE tenant = {tenant:String}
    AND in_force
    AND period_starts_at <= {now:DateTime('UTC')}
    AND period_ends_at > {now:DateTime('UTC')}
ORDER BY toFloat64(spent_usd) / toFloat64(limit_usd) DESC, budget, value
LIMIT {limit:UInt32}
