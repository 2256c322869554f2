-- Adds two adjustments for each hour and dimensions of a closed month that are not what they were when it was closed:
-- one takes the difference off the closed month, one charges it in the month after the last closed one, with its usage date.
INSERT INTO adjustments (tenant, made_at, kind, period, hour, service, environment, provider, model, operation, team, feature, customer, service_tier, calls, amount_usd, author, reason)
SELECT
    tenant,
    {made_at:DateTime64(6, 'UTC')},
    'late',
    booking.1,
    hour,
    service, environment, provider, model, operation, team, feature, customer, service_tier,
    booking.2 * calls,
    booking.2 * cost_usd,
    'tollbook',
    'came after the month was closed'
FROM
(
    SELECT
        tenant,
        period,
        hour,
        service, environment, provider, model, operation, team, feature, customer, service_tier,
        sum(parts.calls) AS calls,
        sum(parts.cost_usd) AS cost_usd,
        arrayJoin([(period, toInt8(-1)), ((SELECT mapFromArrays(groupArray(tenant), groupArray(open_from)) FROM (SELECT tenant, toStartOfMonth(addMonths(max(period), 1)) AS open_from FROM closed_months GROUP BY tenant))[tenant], toInt8(1))]) AS booking
    FROM
    (
        SELECT tenant, period, hour, service, environment, provider, model, operation, team, feature, customer, service_tier, toInt64(calls) AS calls, cost_usd
        FROM charges
        WHERE (tenant, period) IN (SELECT tenant, period FROM closed_months)
        UNION ALL
        SELECT tenant, period, hour, service, environment, provider, model, operation, team, feature, customer, service_tier, -calls AS calls, -cost_usd AS cost_usd
        FROM closed_charges
        WHERE (tenant, period, closed_at) IN (SELECT tenant, period, closed_at FROM closed_months)
    ) AS parts
    GROUP BY tenant, period, hour, service, environment, provider, model, operation, team, feature, customer, service_tier
    HAVING calls != 0 OR cost_usd != 0
)
ORDER BY ALL
