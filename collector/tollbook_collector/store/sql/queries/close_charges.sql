-- Keeps what is charged in a month, by hour and dimensions, as it is when the month is closed.
INSERT INTO closed_charges (tenant, period, closed_at, kind, hour, service, environment, provider, model, operation, team, feature, customer, service_tier, calls, cost_usd)
SELECT
    tenant,
    period,
    {closed_at:DateTime64(6, 'UTC')},
    kind,
    hour,
    service, environment, provider, model, operation, team, feature, customer, service_tier,
    sum(charges.calls),
    sum(charges.cost_usd)
FROM charges
WHERE tenant = {tenant:String} AND period = {period:Date}
GROUP BY tenant, period, kind, hour, service, environment, provider, model, operation, team, feature, customer, service_tier
