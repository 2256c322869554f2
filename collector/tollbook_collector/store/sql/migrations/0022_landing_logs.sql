-- One row for each logs request of a segment while it passes; nothing is kept here, the views behind it keep it.
CREATE TABLE IF NOT EXISTS landing_logs
(
    tenant      LowCardinality(String),
    key         LowCardinality(String),
    received_at UInt64 COMMENT 'Nanoseconds since 1970',
    sequence    UInt64,
    spans       UInt64 COMMENT 'Records that the door let in',
    rejected    Array(Tuple(reason String, items Int64)) COMMENT 'Records that it did not, by reason',
    logs        Tuple(
        resource_logs Array(Tuple(
            resource Tuple(
                attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String)))),
            scope_logs Array(Tuple(
                scope Tuple(name String, version String),
                log_records Array(Tuple(
                    time_unix_nano UInt64,
                    severity_number Int32,
                    severity_text String,
                    body Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String),
                    attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String))),
                    trace_id String,
                    span_id String,
                    observed_time_unix_nano UInt64,
                    event_name String)))))))
)
ENGINE = Null
