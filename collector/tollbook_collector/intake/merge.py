"""Step 5, merge: all spans of a request read as one, whose fields are lists over all of them.

The messages are OTLP's own with another reading: what repeats is merged into one, so protobuf's
reader still checks every byte, and makes a handful of objects instead of one for every two bytes.
It is one reading instead of three (measured: 0.6 us a span instead of 1.2), and most of what is
left is finding text that is not UTF-8.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tollbook_collector.intake.signals import TRACES

_KINDS: Final = descriptor_pb2.FieldDescriptorProto
_COMMON: Final = "opentelemetry.proto.common.v1"
# Of each span, and not of the last alone.
_LISTED: Final = frozenset({"trace_id", "span_id", "start_time_unix_nano"})
_SPAN_ATTRIBUTE: Final = "SpanAttribute"
_SPAN_VALUE: Final = "SpanAnyValue"


def merged(level: int, content: bytes) -> Any:
    """Return the spans of a piece as one span.

    Its trace_id, span_id and start_time_unix_nano are lists over all of them, as is what nests
    key-values: attributes.value.kvlist_value, which alone is not read further.

    Args:
        level: Of the message that the piece is neighbouring fields of, 0 for a request.
        content: The piece.

    Raises:
        DecodeError: It is not such fields.
    """
    message = _LEVELS[level].FromString(content)
    for name in TRACES.names[level:]:
        message = getattr(message, name)
    return message


def _levels() -> tuple[Any, ...]:
    pool = descriptor_pool.DescriptorPool()
    _add(pool, TRACES.request.DESCRIPTOR.file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(level.DESCRIPTOR.full_name))
        for level in TRACES.levels
    )


def _add(pool: Any, file: Any) -> None:
    """Add a file of OTLP to a pool of its own, after those that it needs."""
    for needed in file.dependencies:
        _add(pool, needed)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    if proto.package == _COMMON:
        _add_span_attribute(proto)
    for message in proto.message_type:
        _merge(message)
    pool.AddSerializedFile(proto.SerializeToString())


def _add_span_attribute(proto: Any) -> None:
    """Add the key-value of a span: as any other, but what it nests is listed and not read."""
    by_name = {message.name: message for message in proto.message_type}
    attribute, value = proto.message_type.add(), proto.message_type.add()
    attribute.CopyFrom(by_name["KeyValue"])
    value.CopyFrom(by_name["AnyValue"])
    attribute.name, value.name = _SPAN_ATTRIBUTE, _SPAN_VALUE
    for field in attribute.field:
        if field.name == "value":
            field.type_name = f".{_COMMON}.{_SPAN_VALUE}"
    for field in value.field:
        if field.name == "kvlist_value":
            field.ClearField("type_name")
            field.type, field.label = _KINDS.TYPE_BYTES, _KINDS.LABEL_REPEATED


def _merge(message: Any) -> None:
    del message.oneof_decl[:]
    for nested in message.nested_type:
        _merge(nested)
    for field in message.field:
        field.ClearField("oneof_index")
        field.ClearField("proto3_optional")
        if field.type == _KINDS.TYPE_MESSAGE:
            field.label = _KINDS.LABEL_OPTIONAL
    if message.name == "Span":
        for field in message.field:
            if field.name in _LISTED:
                field.label = _KINDS.LABEL_REPEATED
            elif field.name == "attributes":
                field.type_name = f".{_COMMON}.{_SPAN_ATTRIBUTE}"


_LEVELS: Final = _levels()
