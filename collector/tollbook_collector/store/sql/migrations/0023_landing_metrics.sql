-- One row for each metrics request of a segment while it passes; nothing is kept here, the views behind it keep it.
CREATE TABLE IF NOT EXISTS landing_metrics
(
    tenant      LowCardinality(String),
    key         LowCardinality(String),
    received_at UInt64 COMMENT 'Nanoseconds since 1970',
    sequence    UInt64,
    spans       UInt64 COMMENT 'Data points that the door let in',
    rejected    Array(Tuple(reason String, items Int64)) COMMENT 'Data points that it did not, by reason',
    metrics     Tuple(
        resource_metrics Array(Tuple(
            resource Tuple(
                attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String)))),
            scope_metrics Array(Tuple(
                scope Tuple(name String, version String),
                metrics Array(Tuple(
                    name String,
                    unit String,
                    gauge Tuple(
                        data_points Array(Tuple(
                            start_time_unix_nano UInt64,
                            time_unix_nano UInt64,
                            as_double Float64,
                            as_int Int64,
                            attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String)))))),
                    sum Tuple(
                        data_points Array(Tuple(
                            start_time_unix_nano UInt64,
                            time_unix_nano UInt64,
                            as_double Float64,
                            as_int Int64,
                            attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String))))),
                        aggregation_temporality Int32,
                        is_monotonic Bool),
                    histogram Tuple(
                        data_points Array(Tuple(
                            start_time_unix_nano UInt64,
                            time_unix_nano UInt64,
                            count UInt64,
                            sum Float64,
                            bucket_counts Array(UInt64),
                            explicit_bounds Array(Float64),
                            attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String))))),
                        aggregation_temporality Int32),
                    exponential_histogram Tuple(
                        data_points Array(Tuple(
                            attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String))),
                            start_time_unix_nano UInt64,
                            time_unix_nano UInt64,
                            count UInt64,
                            sum Float64)),
                        aggregation_temporality Int32),
                    summary Tuple(
                        data_points Array(Tuple(
                            start_time_unix_nano UInt64,
                            time_unix_nano UInt64,
                            count UInt64,
                            sum Float64,
                            attributes Array(Tuple(key String, value Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value String, bytes_value String)))))))))))))
)
ENGINE = Null
