-- One row for each anomaly: what a detector found, what it costs, and why.
CREATE OR REPLACE VIEW anomalies AS
SELECT
    tenant,
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
FROM anomaly_versions FINAL
