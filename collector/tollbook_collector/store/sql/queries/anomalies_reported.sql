-- One row for each anomaly of a tenant that is no stretch of a series and began since a time, oldest first.
SELECT
    id,
    series,
    tier,
    channel,
    started_at,
    detected_at,
    updated_at,
    ended_at,
    score,
    so_far_usd,
    explanation,
    evidence
FROM anomalies
WHERE tenant = {tenant:String}
    AND started_at >= {since:DateTime('UTC')}
    AND channel IN {channels:Array(String)}
ORDER BY started_at, id
