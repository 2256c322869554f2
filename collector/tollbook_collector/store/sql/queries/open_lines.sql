-- One row for each combination of dimensions of a month, dearest first: what is charged in it as of now.
SELECT
    kind,
    service,
    environment,
    provider,
    model,
    team,
    feature,
    customer,
    sum(charges.calls) AS calls,
    sum(charges.cost_usd) AS cost_usd
FROM charges
WHERE tenant = {tenant:String} AND period = {period:Date}
GROUP BY kind, service, environment, provider, model, team, feature, customer
HAVING calls != 0 OR cost_usd != 0
ORDER BY cost_usd DESC, calls DESC, kind, service, environment, provider, model, team, feature, customer
LIMIT {limit:UInt32}
