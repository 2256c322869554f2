-- One row for each span by which a process says what it lost on the way.
CREATE OR REPLACE MATERIALIZED VIEW report_client_losses TO client_reports AS
SELECT
    tenant,
    key,
    resource['service.instance.id'] AS instance,
    service,
    ifNull(toUInt64OrNull(attributes['tollbook.report.sequence']), 0) AS sequence,
    received_at AS reported_at,
    ifNull(toUInt64OrNull(attributes['tollbook.report.ended']), 0) AS ended,
    ifNull(toUInt64OrNull(attributes['tollbook.report.delivered']), 0) AS delivered,
    CAST(
        arrayMap(
            pair -> (substring(pair.1, length('tollbook.report.lost.') + 1), ifNull(toUInt64OrNull(pair.2), 0)),
            arrayFilter(
                pair -> startsWith(pair.1, 'tollbook.report.lost.'),
                CAST(attributes, 'Array(Tuple(String, String))'))),
        'Map(String, UInt64)') AS lost
FROM spans
WHERE name = 'tollbook.report'
