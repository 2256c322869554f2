-- One row for each bucket of minutes and value of a dimension: its calls and cost; all but the dearest values are together as (other).
-- by, since, until, top: as in spend_series; bucket_s: seconds of a bucket, whole minutes.
WITH
    costs AS
    (
        SELECT
            toDateTime(intDiv(toUnixTimestamp(minute), {bucket_s:UInt32}) * {bucket_s:UInt32}, 'UTC') AS bucket,
            multiIf(
                {by:String} = 'service', service,
                {by:String} = 'environment', environment,
                {by:String} = 'provider', provider,
                {by:String} = 'model', model,
                {by:String} = 'operation', operation,
                {by:String} = 'team', team,
                {by:String} = 'feature', feature,
                {by:String} = 'customer', customer,
                {by:String} = 'service_tier', service_tier,
                '') AS value,
            sum(spend_minutely.calls) AS calls,
            sum(spend_minutely.errors) AS errors,
            sum(spend_minutely.cost_usd) AS cost_usd
        FROM spend_minutely
        WHERE tenant = {tenant:String}
            AND minute >= toStartOfHour({since:DateTime('UTC')})
            AND minute < {until:DateTime('UTC')}
        GROUP BY bucket, value
    ),
    dearest AS
    (
        SELECT value
        FROM costs
        GROUP BY value
        ORDER BY sum(costs.cost_usd) DESC, value
        LIMIT {top:UInt32}
    )
SELECT
    bucket,
    if(value IN (SELECT value FROM dearest), toString(value), '(other)') AS shown,
    sum(costs.calls) AS calls,
    sum(costs.errors) AS errors,
    sum(costs.cost_usd) AS cost_usd
FROM costs
GROUP BY bucket, shown
ORDER BY bucket, shown
