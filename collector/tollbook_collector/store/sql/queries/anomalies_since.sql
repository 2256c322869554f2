-- One row for each anomaly of any tenant of which there is news since a version, oldest news first.
SELECT
    tenant,
    id,
    series,
    tier,
    channel,
    started_at,
    detected_at,
    ended_at,
    score,
    so_far_usd,
    projected_usd,
    explanation,
    evidence,
    version
FROM anomaly_versions FINAL
WHERE version > {version:UInt64}
ORDER BY version, id
LIMIT {limit:UInt32}
