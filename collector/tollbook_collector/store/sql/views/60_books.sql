-- One row for each tenant, key, signal and hour of arrival: what was received, what became of it, and what is missing.
CREATE OR REPLACE VIEW books AS
SELECT
    tenant,
    key,
    signal,
    hour,
    accepted + rejected + dropped AS received,
    stored,
    rejected,
    dropped,
    accepted - stored AS imbalance,
    fates
FROM
(
    SELECT
        tenant,
        key,
        signal,
        hour,
        sum(if(fate = 'accepted', items, 0)) AS accepted,
        sum(if(fate NOT IN ('accepted', 'stored', 'quarantined', 'damaged', 'spool_age'), items, 0)) AS rejected,
        sum(if(fate IN ('quarantined', 'damaged', 'spool_age'), items, 0)) AS dropped,
        sum(if(fate = 'stored', items, 0)) AS stored,
        sumMap(map(fate, items)) AS fates
    FROM
    (
        SELECT tenant, key, signal, hour, fate, items
        FROM accounts
        UNION ALL
        SELECT
            tenant,
            key,
            'traces' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM spans
        GROUP BY tenant, key, hour
        UNION ALL
        SELECT
            tenant,
            key,
            'logs' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM log_records
        GROUP BY tenant, key, hour
        UNION ALL
        SELECT
            tenant,
            key,
            'metrics' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM metric_points
        GROUP BY tenant, key, hour
    )
    GROUP BY tenant, key, signal, hour
)
