-- One row for each span while it passes, with its attributes as parallel arrays; nothing is kept here.
CREATE TABLE IF NOT EXISTS decoded
(
    tenant              LowCardinality(String),
    key                 LowCardinality(String),
    received_at         DateTime64(9, 'UTC'),
    trace_id            FixedString(16),
    span_id             FixedString(8),
    parent_span_id      FixedString(8),
    trace_state         String,
    name                String,
    kind                Int32,
    started_at          DateTime64(9, 'UTC'),
    duration_ns         UInt64,
    status_code         Int32,
    status_message      String,
    scope_name          String,
    scope_version       String,
    resource_attributes Map(String, String),
    attribute_keys      Array(String),
    attribute_types     Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    attribute_strings   Array(String),
    attribute_integers  Array(Int64),
    attribute_doubles   Array(Float64),
    attribute_booleans  Array(Bool),
    attribute_lists     Array(Array(String)) COMMENT 'Elements of an array value as text',
    attribute_bytes     Array(String) COMMENT 'A kvlist as its protobuf bytes, or bytes',
    events              Array(String) COMMENT 'Span.Event messages as protobuf bytes',
    links               Array(String) COMMENT 'Span.Link messages as protobuf bytes'
)
ENGINE = Null
