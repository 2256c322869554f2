-- One row for each value of a budget's dimension, dearest first: what its calls cost in the period so far, and in four windows that end now.
-- each: the dimension, empty: one row for all. service to service_tier: values that count, empty: any.
-- The period is whole hours, and minutes at its start where a zone's midnight is not on an hour of UTC.
SELECT
    value,
    sum(spent_usd) AS spent,
    sum(spent_calls) AS calls,
    sum(spent_unpriced) AS unpriced_calls,
    sum(fast_usd) AS fast,
    sum(fast_recent_usd) AS fast_recent,
    sum(slow_usd) AS slow,
    sum(slow_recent_usd) AS slow_recent
FROM
(
    SELECT
        multiIf(
            {each:String} = 'service', service,
            {each:String} = 'environment', environment,
            {each:String} = 'provider', provider,
            {each:String} = 'model', model,
            {each:String} = 'operation', operation,
            {each:String} = 'team', team,
            {each:String} = 'feature', feature,
            {each:String} = 'customer', customer,
            {each:String} = 'service_tier', service_tier,
            '') AS value,
        if(in_period, cost_usd, toDecimal128(0, 12)) AS spent_usd,
        if(in_period, calls, 0) AS spent_calls,
        if(in_period, unpriced_calls, 0) AS spent_unpriced,
        if(at >= {fast_since:DateTime('UTC')} AND minutely, cost_usd, toDecimal128(0, 12)) AS fast_usd,
        if(at >= {fast_recent_since:DateTime('UTC')} AND minutely, cost_usd, toDecimal128(0, 12)) AS fast_recent_usd,
        if(at >= {slow_since:DateTime('UTC')} AND minutely, cost_usd, toDecimal128(0, 12)) AS slow_usd,
        if(at >= {slow_recent_since:DateTime('UTC')} AND minutely, cost_usd, toDecimal128(0, 12)) AS slow_recent_usd
    FROM
    (
        SELECT
            hour AS at,
            false AS minutely,
            true AS in_period,
            service, environment, provider, model, operation, team, feature, customer, service_tier,
            spend_hourly.calls AS calls,
            spend_hourly.unpriced_calls AS unpriced_calls,
            spend_hourly.cost_usd AS cost_usd
        FROM spend_hourly
        WHERE tenant = {tenant:String}
            AND hour >= {first_hour:DateTime('UTC')}
            AND hour < {last_hour:DateTime('UTC')}
        UNION ALL
        SELECT
            minute AS at,
            true AS minutely,
            (minute >= {starts_at:DateTime('UTC')} AND minute < {first_hour:DateTime('UTC')})
                OR (minute >= {last_hour:DateTime('UTC')} AND minute < {ends_at:DateTime('UTC')}) AS in_period,
            service, environment, provider, model, operation, team, feature, customer, service_tier,
            spend_minutely.calls AS calls,
            spend_minutely.unpriced_calls AS unpriced_calls,
            spend_minutely.cost_usd AS cost_usd
        FROM spend_minutely
        WHERE tenant = {tenant:String}
            AND (minute >= {slow_since:DateTime('UTC')} OR in_period)
            AND minute < {ends_at:DateTime('UTC')}
    )
    WHERE (empty({service:Array(String)}) OR has({service:Array(String)}, service))
        AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
        AND (empty({provider:Array(String)}) OR has({provider:Array(String)}, provider))
        AND (empty({model:Array(String)}) OR has({model:Array(String)}, model))
        AND (empty({operation:Array(String)}) OR has({operation:Array(String)}, operation))
        AND (empty({team:Array(String)}) OR has({team:Array(String)}, team))
        AND (empty({feature:Array(String)}) OR has({feature:Array(String)}, feature))
        AND (empty({customer:Array(String)}) OR has({customer:Array(String)}, customer))
        AND (empty({service_tier:Array(String)}) OR has({service_tier:Array(String)}, service_tier))
)
GROUP BY value
ORDER BY spent DESC, value
LIMIT {limit:UInt32}
