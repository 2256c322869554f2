-- Keeps the values that a tenant used first today of a dimension, as many as it may, and says that it has more.
INSERT INTO kept_values (day, tenant, dimension, value)
SELECT
    toDate(now('UTC')) AS day,
    {tenant:String} AS tenant,
    {dimension:String} AS dimension,
    arrayJoin(arrayPushFront(groupArray(value), '')) AS value
FROM
(
    SELECT
        multiIf(
            {dimension:String} = 'service', service,
            {dimension:String} = 'model', model,
            {dimension:String} = 'team', team,
            {dimension:String} = 'feature', feature,
            customer) AS value
    FROM spend_hourly
    WHERE tenant = {tenant:String} AND hour >= toStartOfDay(now('UTC'))
    GROUP BY value
    HAVING value NOT IN ('', '(other)')
    ORDER BY min(hour), sum(calls) DESC, value
    LIMIT {cap:UInt32}
)
