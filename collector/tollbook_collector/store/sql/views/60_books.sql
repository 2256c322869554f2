-- One row for each tenant, key, signal and hour of arrival: what was received, what became of it, and what is missing.
-- What a client lost before it could send (client_dropped) was never received. What is in the spool is in no row yet.
CREATE OR REPLACE VIEW books
(
    tenant         LowCardinality(String) COMMENT 'Whose items they are',
    key            LowCardinality(String) COMMENT 'Public id of the key they came with',
    signal         String COMMENT 'traces, logs or metrics',
    hour           DateTime('UTC') COMMENT 'Start of the hour in which they arrived',
    received       Int64 COMMENT 'Items: spans, log records or data points',
    stored         Int64 COMMENT 'Of the received, those that are rows now',
    rejected       Int64 COMMENT 'Of the received, those that the door did not let in',
    dropped        Int64 COMMENT 'Of the received, those that were let in and are in quarantine, damaged, given up for their age, or erased',
    imbalance      Int64 COMMENT 'received - stored - rejected - dropped: above 0 items are missing, below 0 there are too many',
    client_dropped Int64 COMMENT 'Spans that the SDK lost before it could send them; never received',
    fates          Map(String, Int64) COMMENT 'Items by what became of them, with the reasons'
)
AS SELECT
    tenant,
    key,
    signal,
    hour,
    accepted + rejected + dropped AS received,
    stored,
    rejected,
    dropped,
    accepted - stored AS imbalance,
    client_dropped,
    fates
FROM
(
    SELECT
        tenant,
        key,
        signal,
        hour,
        sum(if(fate = 'accepted', items, 0)) AS accepted,
        sum(if(fate NOT IN ('accepted', 'stored', 'from_logs', 'quarantined', 'damaged', 'spool_age', 'erased') AND NOT startsWith(fate, 'client:'), items, 0)) AS rejected,
        sum(if(fate IN ('quarantined', 'damaged', 'spool_age', 'erased'), items, 0)) AS dropped,
        -- Rows of spans that come from log records were received as logs.
        sum(multiIf(fate = 'stored', items, fate = 'from_logs', -items, 0)) AS stored,
        -- The other losses of a client are parts of spans that came.
        sum(if(fate IN ('client:queue_full', 'client:backlog_full', 'client:rejected', 'client:unreadable'), items, 0)) AS client_dropped,
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
            toStartOfHour(reported_at) AS hour,
            concat('client:', loss.1) AS fate,
            toInt64(loss.2) AS items
        FROM client_reports FINAL
        ARRAY JOIN CAST(lost, 'Array(Tuple(String, UInt64))') AS loss
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
