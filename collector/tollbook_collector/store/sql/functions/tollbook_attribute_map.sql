-- OTLP attributes as a map of text: an array's elements joined by commas, what nests deeper in base64; of equal keys the last one.
CREATE OR REPLACE FUNCTION tollbook_attribute_map AS
    (attributes) ->
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
            attributes),
        'Map(LowCardinality(String), String)')
