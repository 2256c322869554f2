-- One row for each month of charge, hour of use, kind and combination of dimensions: the charge of record, which is the spend and its adjustments.
CREATE OR REPLACE VIEW charges AS
SELECT
    tenant,
    period,
    hour,
    kind,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    sum(parts.calls) AS calls,
    sum(parts.cost_usd) AS cost_usd
FROM
(
    SELECT tenant, toStartOfMonth(hour) AS period, hour, 'spend' AS kind, service, environment, provider, model, operation, team, feature, customer, service_tier, spend_hourly.calls AS calls, spend_hourly.cost_usd AS cost_usd
    FROM spend_hourly
    UNION ALL
    SELECT tenant, period, hour, kind, service, environment, provider, model, operation, team, feature, customer, service_tier, adjustments.calls AS calls, amount_usd AS cost_usd
    FROM adjustments
) AS parts
GROUP BY tenant, period, hour, kind, service, environment, provider, model, operation, team, feature, customer, service_tier
