-- One row for each budget of any tenant whose period holds now and of which something is to be told.
SELECT
    tenant,
    budget,
    dimension,
    value,
    period,
    period_starts_at,
    period_ends_at,
    chosen,
    hard,
    owner,
    limit_usd,
    spent_usd,
    crossed,
    fast_burn,
    slow_burn,
    burning,
    forecast_usd,
    forecast_low_usd,
    forecast_high_usd
FROM budgets
WHERE in_force
    AND period_starts_at <= {now:DateTime('UTC')}
    AND period_ends_at > {now:DateTime('UTC')}
    AND (crossed > 0 OR burning != '' OR ifNull(forecast_low_usd > limit_usd, false))
ORDER BY tenant, budget, value
LIMIT {limit:UInt32}
