"""Step 5, reshape: what is kept of a span in another form than it came in.

An attribute that nests key-values becomes one attribute for each of them, with dots between the
names, as every reader of attributes expects. Of more than ATTRIBUTES_MAX attributes, events or
links the first are kept. Both are rare, and found without touching a span: see `Shapes`.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tollbook_collector.intake.rewrite import rewritten, scopes
from tollbook_collector.intake.wire import ITEM_LEVEL

ATTRIBUTES_MAX: Final = 1_000
# An attribute, event or link that is not empty has five bytes at least: tag, length, and a key with
# its own. A shorter span cannot have too many.
SPAN_BYTES_MIN: Final = 5 * ATTRIBUTES_MAX
# Key-values in one another; what is deeper stays nested.
DEPTH_MAX: Final = 32


class Shapes:
    """Looks at the spans of pieces, and says whether one has to be reshaped."""

    def __init__(self) -> None:
        self.needed = False

    def look(self, level: int, content: bytes, merged: Any) -> int:
        """Look at a piece and return how many whole spans are in it.

        Args:
            level: Of the message that the piece is neighbouring fields of, 0 for a request.
            content: The piece.
            merged: Its spans as one, see merge.py.
        """
        self.needed = self.needed or bool(merged.attributes.value.kvlist_value)
        if level == _SPAN_LEVEL:
            self.needed = self.needed or _has_too_many(content)
            return 0
        scopes = _SPANS[level].FromString(content)
        for _ in range(_SPAN_LEVEL - 1 - level):
            scopes = scopes.inner
        spans = scopes.spans[:]
        self.needed = self.needed or any(
            len(span) >= SPAN_BYTES_MIN and _has_too_many(span) for span in spans
        )
        return len(spans)


def reshaped(request: bytes) -> tuple[bytes, int]:
    """Return a request whose spans nest no key-values, and how many fields were left out of them.

    Args:
        request: Protobuf.

    Raises:
        DecodeError, Malformed: What is nested in it cannot be read.
    """
    left_out = 0

    def reshape(level: int, message: Any) -> bool:
        nonlocal left_out
        if level == ITEM_LEVEL:
            left_out += _reshape(message)
        else:
            for scope_spans in scopes(level, message):
                left_out += sum(map(_reshape, scope_spans.spans))
        return True

    return rewritten(request, reshape), left_out


def _reshape(span: Any) -> int:
    """Change a span, and return how many fields were left out of it."""
    _flatten(span)
    left_out = 0
    for repeated in (span.attributes, span.events, span.links):
        left_out += max(0, len(repeated) - ATTRIBUTES_MAX)
        del repeated[ATTRIBUTES_MAX:]
    return left_out


def _flatten(span: Any) -> None:
    if not any(attribute.value.HasField("kvlist_value") for attribute in span.attributes):
        return
    # A copy, because what is written next takes the place of what is read.
    before = type(span)()
    before.attributes.extend(span.attributes)
    del span.attributes[:]
    for attribute in before.attributes:
        for name, value in _leaves(attribute.key, attribute.value, 1):
            span.attributes.add(key=name).value.CopyFrom(value)


def _leaves(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if not value.HasField("kvlist_value") or not value.kvlist_value.values or depth > DEPTH_MAX:
        yield name, value
        return
    for inner in value.kvlist_value.values:
        yield from _leaves(f"{name}.{inner.key}", inner.value, depth + 1)


def _has_too_many(span: bytes) -> bool:
    found = _COUNTED.FromString(span)
    return max(len(found.attributes), len(found.events), len(found.links)) > ATTRIBUTES_MAX


def _messages() -> Any:
    """Return the messages that find shapes: those of a request merge what is of one level."""
    kinds = descriptor_pb2.FieldDescriptorProto
    proto = descriptor_pb2.FileDescriptorProto(
        name="tollbook/shapes.proto", package="shapes", syntax="proto3"
    )

    def add(name: str, *fields: tuple[str, int, str]) -> None:
        message = proto.message_type.add(name=name)
        for field, number, type_name in fields:
            one = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            one.type = kinds.TYPE_MESSAGE if type_name else kinds.TYPE_BYTES
            if type_name:
                one.type_name = f".shapes.{type_name}"
            else:
                one.label = kinds.LABEL_REPEATED

    add("Spans0", ("inner", 1, "Spans1"))
    add("Spans1", ("inner", 2, "Spans2"))
    add("Spans2", ("spans", 2, ""))
    add("Counted", ("attributes", 9, ""), ("events", 11, ""), ("links", 13, ""))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(proto.SerializeToString())

    def message(name: str) -> Any:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shapes.{name}"))

    return message


_SPAN_LEVEL: Final = 3
_MESSAGE: Final = _messages()
_SPANS: Final = tuple(_MESSAGE(f"Spans{level}") for level in range(3))
_COUNTED: Final = _MESSAGE("Counted")
