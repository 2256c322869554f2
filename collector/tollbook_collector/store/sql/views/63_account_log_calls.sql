-- One row for each hour in an insert of logs: how many rows of spans come from records that stand for model calls.
CREATE OR REPLACE MATERIALIZED VIEW account_log_calls TO accounts AS
SELECT
    tenant,
    key,
    'traces' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    'from_logs' AS fate,
    toInt64(count()) AS items
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        tollbook_log_call(record.event_name, map['event.name'], record.body.string_value, scope_name, if(mapContains(map, 'input_token_count'), map['event.kind'], '')) AS call_name
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            scope_logs.scope.name AS scope_name,
            arrayJoin(scope_logs.log_records) AS record,
            tollbook_attribute_map(record.attributes) AS map
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(arrayJoin(logs.resource_logs).scope_logs) AS scope_logs
            FROM landing_logs
        )
    )
)
WHERE call_name != ''
GROUP BY tenant, key, hour
