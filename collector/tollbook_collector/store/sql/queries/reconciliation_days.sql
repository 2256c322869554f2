-- One row for each day, model and tier of a compared bill: what was metered and billed, as tokens and as cost.
-- tenant, bill, at: whose, which, and of which comparison. our_usd is NULL where calls have no price and the others cost nothing.
SELECT
    toString(day) AS day_text,
    provider,
    model,
    service_tier,
    toString(sum(our_quantity)) AS our_tokens,
    toString(sum(their_quantity)) AS their_tokens,
    toString(tollbook_known_cost(sum(our_cost_usd), any(unpriced.unpriced_calls))) AS our_usd,
    toString(sum(their_cost_usd)) AS their_usd
FROM reconciliations
LEFT JOIN
(
    SELECT
        toDate(hour) AS day,
        provider,
        model,
        service_tier,
        sum(spend_hourly.unpriced_calls) AS unpriced_calls
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= (SELECT min(day) FROM reconciliations WHERE tenant = {tenant:String} AND bill = {bill:String})
        AND hour < (SELECT max(day) FROM reconciliations WHERE tenant = {tenant:String} AND bill = {bill:String}) + 1
    GROUP BY day, provider, model, service_tier
) AS unpriced USING (day, provider, model, service_tier)
WHERE tenant = {tenant:String} AND bill = {bill:String} AND reconciled_at = {at:DateTime64(6, 'UTC')}
GROUP BY day, provider, model, service_tier
ORDER BY day, provider, model, service_tier
