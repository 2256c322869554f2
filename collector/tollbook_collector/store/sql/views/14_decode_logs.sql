-- One row for each log record of a request. Ids of a wrong length are cut or padded with zero bytes.
CREATE OR REPLACE MATERIALIZED VIEW decode_logs TO log_records AS
SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    fromUnixTimestamp64Nano(toInt64(least(if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano), 9223372036854775807)), 'UTC') AS logged_at,
    toInt8(least(greatest(record.severity_number, -128), 127)) AS severity_number,
    record.severity_text AS severity_text,
    if(record.event_name != '', record.event_name, attributes['event.name']) AS event_name,
    multiIf(
        record.body.value = 'string_value', record.body.string_value,
        record.body.value = 'int_value', toString(record.body.int_value),
        record.body.value = 'double_value', toString(record.body.double_value),
        record.body.value = 'bool_value', toString(record.body.bool_value),
        base64Encode(concat(record.body.array_value, record.body.kvlist_value, record.body.bytes_value))) AS body,
    toFixedString(substring(record.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(record.span_id, 1, 8), 8) AS span_id,
    scope_name,
    resource['service.name'] AS service,
    if(resource['deployment.environment.name'] != '', resource['deployment.environment.name'], resource['deployment.environment']) AS environment,
    tollbook_attribute_map(record.attributes) AS attributes,
    resource
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource,
        scope_logs.scope.name AS scope_name,
        arrayJoin(scope_logs.log_records) AS record
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            tollbook_attribute_map(resource_logs.resource.attributes) AS resource,
            arrayJoin(resource_logs.scope_logs) AS scope_logs
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(logs.resource_logs) AS resource_logs
            FROM landing_logs
        )
    )
)
