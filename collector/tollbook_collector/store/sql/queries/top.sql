-- One row for each value of a dimension among the calls of the last minutes, dearest first: what they cost, failed and took.
-- by: model, team, service, feature, customer or provider; minutes: how many; limit: rows at most.
SELECT
    multiIf(
        {by:String} = 'team', team,
        {by:String} = 'service', service,
        {by:String} = 'feature', feature,
        {by:String} = 'customer', customer,
        {by:String} = 'provider', provider,
        model) AS value,
    count() AS calls,
    countIf(failed) AS errors,
    countIf(price_status = 'unpriced' AND unpriced_reason != 'failed') AS unpriced_calls,
    sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
    sum(ifNull(calls.output_tokens, 0)) AS output_tokens,
    sum(ifNull(calls.cost_usd, 0)) AS cost_usd,
    quantileOrNullIf(0.5)(duration_ns, NOT failed) / 1e6 AS p50_ms,
    quantileOrNullIf(0.95)(duration_ns, NOT failed) / 1e6 AS p95_ms
FROM calls
WHERE tenant = {tenant:String} AND billable AND started_at >= now64(9, 'UTC') - toIntervalMinute({minutes:UInt32})
GROUP BY value
ORDER BY cost_usd DESC, count() DESC, value
LIMIT {limit:UInt32}
