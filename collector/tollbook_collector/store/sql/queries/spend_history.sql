-- One row for each value of a dimension, dearest first: what its calls cost in each whole hour from since to until, oldest first.
-- each: the dimension, empty: one row for all; column: the same, or tenant for empty. service to service_tier: values that count, empty: any.
SELECT
    value,
    sumMap([dateDiff('hour', {since:DateTime('UTC')}, hour)], [usd]) AS hours
FROM
(
    SELECT
        if({each:String} = '', '', toString({column:Identifier})) AS value,
        hour,
        toFloat64(sum(spend_hourly.cost_usd)) AS usd
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= {since:DateTime('UTC')}
        AND hour < {until:DateTime('UTC')}
        AND (empty({service:Array(String)}) OR has({service:Array(String)}, service))
        AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
        AND (empty({provider:Array(String)}) OR has({provider:Array(String)}, provider))
        AND (empty({model:Array(String)}) OR has({model:Array(String)}, model))
        AND (empty({operation:Array(String)}) OR has({operation:Array(String)}, operation))
        AND (empty({team:Array(String)}) OR has({team:Array(String)}, team))
        AND (empty({feature:Array(String)}) OR has({feature:Array(String)}, feature))
        AND (empty({customer:Array(String)}) OR has({customer:Array(String)}, customer))
        AND (empty({service_tier:Array(String)}) OR has({service_tier:Array(String)}, service_tier))
    GROUP BY value, hour
)
GROUP BY value
ORDER BY sum(usd) DESC, value
LIMIT {limit:UInt32}
