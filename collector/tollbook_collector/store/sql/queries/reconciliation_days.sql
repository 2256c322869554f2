-- One row for each day, model and tier of a compared bill: what was metered and billed, as tokens and as cost.
-- tenant, bill, at: whose, which, and of which comparison.
SELECT
    toString(day) AS day_text,
    provider,
    model,
    service_tier,
    toString(sum(our_quantity)) AS our_tokens,
    toString(sum(their_quantity)) AS their_tokens,
    toString(sum(our_cost_usd)) AS our_usd,
    toString(sum(their_cost_usd)) AS their_usd
FROM reconciliations
WHERE tenant = {tenant:String} AND bill = {bill:String} AND reconciled_at = {at:DateTime64(6, 'UTC')}
GROUP BY day, provider, model, service_tier
ORDER BY day, provider, model, service_tier
