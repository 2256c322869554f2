-- One row for each day, service, provider, model and who stated it: the calls whose stated cost is known beside ours, and how far they are apart.
CREATE OR REPLACE VIEW cost_differences AS
SELECT
    tenant,
    toDate(started_at) AS day,
    service,
    provider,
    model,
    reported_cost_source,
    count() AS calls,
    countIf(calls.cost_usd != calls.reported_cost_usd) AS differing_calls,
    sum(assumeNotNull(calls.cost_usd)) AS cost_usd,
    sum(assumeNotNull(calls.reported_cost_usd)) AS reported_cost_usd,
    cost_usd - reported_cost_usd AS difference_usd,
    max(abs(assumeNotNull(calls.cost_usd) - assumeNotNull(calls.reported_cost_usd))) AS largest_difference_usd
FROM calls
WHERE billable AND isNotNull(calls.cost_usd) AND isNotNull(calls.reported_cost_usd) AND cost_basis != 'reported'
GROUP BY tenant, day, service, provider, model, reported_cost_source
