-- One row for each request of a segment while it passes; nothing is kept here, the views behind it keep it.
CREATE TABLE IF NOT EXISTS landing
(
    tenant      LowCardinality(String),
    key         LowCardinality(String),
    received_at UInt64 COMMENT 'Nanoseconds since 1970',
    sequence    UInt64,
    request     Tuple(
        resource_spans Array(Tuple(
            resource Tuple(
                attributes Array(Tuple(
                    key String,
                    value Tuple(
                        value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String,
                        bool_value Bool,
                        int_value Int64,
                        double_value Float64,
                        array_value Tuple(values Array(Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value String,
                            kvlist_value String,
                            bytes_value String))),
                        kvlist_value String,
                        bytes_value String)))),
            scope_spans Array(Tuple(
                scope Tuple(name String, version String),
                spans Array(Tuple(
                    trace_id String,
                    span_id String,
                    trace_state String,
                    parent_span_id String,
                    name String,
                    kind Int32,
                    start_time_unix_nano UInt64,
                    end_time_unix_nano UInt64,
                    attributes Array(Tuple(
                        key String,
                        value Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value Tuple(values Array(Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value String,
                                kvlist_value String,
                                bytes_value String))),
                            kvlist_value String,
                            bytes_value String))),
                    events Array(String),
                    links Array(String),
                    status Tuple(message String, code Int32))))))))
)
ENGINE = Null
