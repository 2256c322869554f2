-- One row for each anomaly of a tenant since a time, with what people said of it or of the one that explains it, oldest first.
SELECT
    anomalies.id AS id,
    anomalies.series AS series,
    anomalies.tier AS tier,
    anomalies.channel AS channel,
    anomalies.started_at AS started_at,
    anomalies.detected_at AS detected_at,
    anomalies.updated_at AS updated_at,
    anomalies.ended_at AS ended_at,
    anomalies.score AS score,
    toFloat64(ifNull(anomalies.so_far_usd, 0)) AS excess,
    JSONExtractString(anomalies.evidence, 'explained_by') AS explained_by,
    feedback.verdict AS verdict,
    cityHash64(
        anomalies.series[{first:String}],
        anomalies.series[{second:String}],
        anomalies.series[{third:String}]) AS number
FROM anomalies
LEFT JOIN
(
    SELECT
        anomaly_id,
        argMax(said, said_at) AS verdict
    FROM
    (
        SELECT
            anomaly_id,
            anomaly_feedback.verdict AS said,
            given_at AS said_at
        FROM anomaly_feedback FINAL
        WHERE tenant = {tenant:String}
        UNION ALL
        SELECT
            substring(source, 9) AS anomaly_id,
            incidents.feedback AS said,
            toDateTime64(at, 9, 'UTC') AS said_at
        FROM incidents
        ARRAY JOIN sources AS source
        WHERE tenant = {tenant:String} AND incidents.feedback != '' AND startsWith(source, 'anomaly:')
    )
    GROUP BY anomaly_id
) AS feedback ON feedback.anomaly_id = if(JSONExtractString(anomalies.evidence, 'explained_by') = '', anomalies.id, JSONExtractString(anomalies.evidence, 'explained_by'))
WHERE anomalies.tenant = {tenant:String}
    AND anomalies.tier = {tier:String}
    AND anomalies.started_at >= {since:DateTime('UTC')}
    AND arraySort(mapKeys(anomalies.series)) = arraySort(arrayFilter(name -> name != '', [{first:String}, {second:String}, {third:String}]))
ORDER BY anomalies.started_at, anomalies.id
