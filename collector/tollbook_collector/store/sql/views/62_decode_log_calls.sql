-- One row for each log record of a coding agent that stands for a model call: as the span that it could have been.
-- Its span id is made of its content, so that the same record is the same call; its parent is the span that it was written in.
-- It is written when the call ends, so it began duration_ms before, a day at most.
CREATE OR REPLACE MATERIALIZED VIEW decode_log_calls TO decoded AS
SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    if(record.trace_id = '', reinterpretAsFixedString(sipHash128(tenant, content, 'trace')), toFixedString(substring(record.trace_id, 1, 16), 16)) AS trace_id,
    reinterpretAsFixedString(sipHash64(tenant, content)) AS span_id,
    toFixedString(substring(record.span_id, 1, 8), 8) AS parent_span_id,
    '' AS trace_state,
    call_name AS name,
    toInt32(3) AS kind,
    fromUnixTimestamp64Nano(toInt64(least(ended_ns - least(took_ns, ended_ns), 9223372036854775807)), 'UTC') AS started_at,
    took_ns AS duration_ns,
    toInt32(0) AS status_code,
    '' AS status_message,
    scope_name,
    scope_version,
    CAST(resource, 'Map(String, String)') AS resource_attributes,
    record.attributes.key AS attribute_keys,
    record.attributes.value.value AS attribute_types,
    record.attributes.value.string_value AS attribute_strings,
    record.attributes.value.int_value AS attribute_integers,
    record.attributes.value.double_value AS attribute_doubles,
    record.attributes.value.bool_value AS attribute_booleans,
    arrayMap(list -> list.values.string_value, record.attributes.value.array_value) AS attribute_lists,
    arrayMap((kvlist, bytes) -> concat(kvlist, bytes), record.attributes.value.kvlist_value, record.attributes.value.bytes_value) AS attribute_bytes,
    CAST([], 'Array(String)') AS events,
    CAST([], 'Array(String)') AS links
FROM
(
    SELECT
        *,
        if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano) AS ended_ns,
        toUInt64(least(greatest(ifNull(toFloat64OrNull(map['duration_ms']), 0), 0), 86400000) * 1000000) AS took_ns,
        (call_name, ended_ns, record.span_id, record.trace_id, toString(map)) AS content
    FROM
    (
        SELECT
            *,
            tollbook_attribute_map(record.attributes) AS map,
            tollbook_log_call(record.event_name, map['event.name'], record.body.string_value, scope_name, if(mapContains(map, 'input_token_count'), map['event.kind'], '')) AS call_name
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                resource,
                scope_logs.scope.name AS scope_name,
                scope_logs.scope.version AS scope_version,
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
    )
    WHERE call_name != ''
)
