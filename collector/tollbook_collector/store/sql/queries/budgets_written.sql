-- One row for each budget of any tenant that was in force when it was measured last and whose period is not over: the columns of budget_periods.
SELECT
    tenant,
    budget,
    dimension,
    value,
    period_starts_at,
    period_ends_at,
    period,
    zone,
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
    in_force
FROM budget_periods FINAL
WHERE in_force AND period_ends_at > {now:DateTime('UTC')}
