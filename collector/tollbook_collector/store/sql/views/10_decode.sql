-- One row for each span of a request: its fields, and its attributes as parallel arrays.
-- A span that names itself as its parent has none. Ids of a wrong length are cut or padded with zero bytes; times beyond the range of DateTime64(9) end at its last instant.
CREATE OR REPLACE MATERIALIZED VIEW decode TO decoded AS
SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    toFixedString(substring(span.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(span.span_id, 1, 8), 8) AS span_id,
    toFixedString(if(span.parent_span_id = span.span_id, '', substring(span.parent_span_id, 1, 8)), 8) AS parent_span_id,
    span.trace_state AS trace_state,
    span.name AS name,
    span.kind AS kind,
    fromUnixTimestamp64Nano(toInt64(least(span.start_time_unix_nano, 9223372036854775807)), 'UTC') AS started_at,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS duration_ns,
    span.status.code AS status_code,
    span.status.message AS status_message,
    scope_name,
    scope_version,
    resource_attributes,
    span.attributes.key AS attribute_keys,
    span.attributes.value.value AS attribute_types,
    span.attributes.value.string_value AS attribute_strings,
    span.attributes.value.int_value AS attribute_integers,
    span.attributes.value.double_value AS attribute_doubles,
    span.attributes.value.bool_value AS attribute_booleans,
    arrayMap(
        list -> arrayMap(
            element -> multiIf(
                element.value = 'string_value', element.string_value,
                element.value = 'int_value', toString(element.int_value),
                element.value = 'double_value', toString(element.double_value),
                element.value = 'bool_value', toString(element.bool_value),
                base64Encode(concat(element.array_value, element.kvlist_value, element.bytes_value))),
            list.values),
        span.attributes.value.array_value) AS attribute_lists,
    arrayMap((kvlist, bytes) -> concat(kvlist, bytes), span.attributes.value.kvlist_value, span.attributes.value.bytes_value) AS attribute_bytes,
    span.events AS events,
    span.links AS links
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource_attributes,
        scope_spans.scope.name AS scope_name,
        scope_spans.scope.version AS scope_version,
        arrayJoin(scope_spans.spans) AS span
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            CAST(
                arrayMap(
                    attribute -> (
                        attribute.key,
                        multiIf(
                            attribute.value.value = 'string_value', attribute.value.string_value,
                            attribute.value.value = 'int_value', toString(attribute.value.int_value),
                            attribute.value.value = 'double_value', toString(attribute.value.double_value),
                            attribute.value.value = 'bool_value', toString(attribute.value.bool_value),
                            attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.values.string_value, ','),
                            base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))),
                    resource_spans.resource.attributes),
                'Map(String, String)') AS resource_attributes,
            arrayJoin(resource_spans.scope_spans) AS scope_spans
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(request.resource_spans) AS resource_spans
            FROM landing
        )
    )
)
