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
    -- Parts of another anomaly, and what a person called expected or planned, are kept and not told.
    AND NOT JSONHas(evidence, 'explained_by')
    AND NOT JSONHas(evidence, 'muted')
ORDER BY version, id
LIMIT {limit:UInt32}
