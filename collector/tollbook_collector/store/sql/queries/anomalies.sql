-- One row for each anomaly of a tenant that went on in a period, newest first.
-- parts: 1 also returns those that another anomaly explains.
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
    projected_usd,
    explanation,
    evidence
FROM anomalies
WHERE tenant = {tenant:String}
    AND ifNull(ended_at, updated_at) >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND ({parts:UInt8} = 1 OR NOT JSONHas(evidence, 'explained_by'))
ORDER BY started_at DESC, id
LIMIT {limit:UInt32}
