-- One row for each tenant with calls today: how many values each dimension has, and how many calls have (other) in one.
SELECT
    tenant,
    map(
        'service', uniqExact(service),
        'model', uniqExact(model),
        'team', uniqExact(team),
        'feature', uniqExact(feature),
        'customer', uniqExact(customer)) AS distinct_values,
    sumIf(calls, '(other)' IN (service, model, team, feature, customer)) AS other_calls
FROM spend_hourly
WHERE hour >= toStartOfDay(now('UTC'))
GROUP BY tenant
