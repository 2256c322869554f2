-- One row for each day with vectors of a feature: a sample of them, the same each time.
SELECT
    day,
    groupArray(vector) AS vectors
FROM
(
    SELECT
        toDate(started_at) AS day,
        JSONExtract(spans.attributes[{attribute:String}], 'Array(Float64)') AS vector
    FROM spans
    WHERE tenant = {tenant:String}
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND feature = {feature:String}
        AND spans.attributes[{attribute:String}] != ''
    ORDER BY
        day,
        cityHash64(trace_id, span_id)
    LIMIT {sample:UInt32} BY day
)
WHERE notEmpty(vector)
GROUP BY day
ORDER BY day
