-- One row for each combination of dimensions of a month that is being closed, dearest first: what was kept.
SELECT
    kind,
    service,
    environment,
    provider,
    model,
    team,
    feature,
    customer,
    sum(closed_charges.calls) AS calls,
    sum(closed_charges.cost_usd) AS cost_usd
FROM closed_charges
WHERE tenant = {tenant:String} AND period = {period:Date} AND closed_at = {closed_at:DateTime64(6, 'UTC')}
GROUP BY kind, service, environment, provider, model, team, feature, customer
HAVING calls != 0 OR cost_usd != 0
ORDER BY cost_usd DESC, calls DESC, kind, service, environment, provider, model, team, feature, customer
LIMIT {limit:UInt32}
