"""Step 5, examine: whether bytes are an OTLP request, how many items it has, and which are bad.

protobuf's own reader decides what is a request. Which spans are bad is found without touching any:
all of them are read as one, see merge.py, which gives all ids and all times as three lists, and
these are checked at the speed of C (measured: 0.3 us a span, against 0.8 us for one look at a field
of each). Only a request with a bad span is taken apart.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.merge import merged
from tollbook_collector.intake.reshape import Shapes, reshaped
from tollbook_collector.intake.rewrite import rewritten, scopes
from tollbook_collector.intake.signals import LOGS, METRICS, TRACES, Signal
from tollbook_collector.intake.wire import (
    FIELD_BYTES_MAX,
    ITEM_LEVEL,
    ITEMS_MAX,
    PIECE_BYTES_MAX,
    Malformed,
    Piece,
    longest,
    pieces,
    without_long_fields,
)

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
# The last instant of DateTime64(9), in 2262.
TIME_NS_MAX: Final = 2**63 - 1
# The points of one metric are a single field of it, and cannot be left out like a long attribute.
METRIC_BYTES_MAX: Final = 1024 * 1024
# Key-values of one request; smaller requests cannot have so many, at two bytes each.
KEY_VALUES_MAX: Final = 1_000_000

_NO_REASONS: Final[Mapping[str, int]] = MappingProxyType({})


class Undecodable(Exception):
    """A body is not an OTLP export request; nothing of it was kept."""


@dataclass(frozen=True)
class Examined:
    """A request that may be kept.

    Args:
        request: Protobuf, without the items that were rejected.
        items: Spans, log records or data points in it.
        rejected: Items that were taken out, by reason.
        trimmed_fields: Fields left out because they were too long, or one too many of a span.
        digest: Of the request as it came, uncompressed and as protobuf.
    """

    request: bytes
    items: int
    rejected: Mapping[str, int] = field(default_factory=lambda: _NO_REASONS)
    trimmed_fields: int = 0
    digest: bytes = b""


def examine(signal: Signal, request: bytes) -> Examined:
    """Return what can be kept of a request, and how many items cannot.

    Raises:
        Undecodable: It is not a request of this signal.
        TooLarge: It has more in it than a request may.
    """
    trimmed_fields = 0
    try:
        found = _cut(request)
        if len(request) > PIECE_BYTES_MAX:
            if signal is METRICS:
                _refuse_long_metric(found)
            elif longest(found) > FIELD_BYTES_MAX:
                request, trimmed_fields = without_long_fields(request)
                found = list(pieces(request))
    except Malformed as error:
        raise _undecodable(signal, request, error) from error
    reading = _Reading(signal, request)
    for piece in found:
        reading.read(piece)
        if len(found) > 1:
            # Another thread may want the interpreter: one piece is one turn.
            time.sleep(0)
    try:
        if reading.shapes.needed:
            request, left_out = reshaped(request)
            trimmed_fields += left_out
        if not reading.suspicious:
            return Examined(request, reading.items, trimmed_fields=trimmed_fields)
        return _without_bad_items(signal, request, reading.items, trimmed_fields)
    except (DecodeError, Malformed) as error:
        raise _undecodable(signal, request, error) from error


def _refuse_long_metric(found: list[Piece]) -> None:
    size_bytes = longest(found)
    if size_bytes > METRIC_BYTES_MAX:
        limit = f"the limit is {METRIC_BYTES_MAX}; send fewer points of it a time"
        raise TooLarge(f"a metric of the request has {size_bytes} B, {limit}")


class _Reading:
    """What was seen of a request, piece by piece."""

    def __init__(self, signal: Signal, request: bytes) -> None:
        self._signal = signal
        self._request = request
        self.items = 0
        self._key_values = 0
        self._trace_ids = 0
        self._span_ids = 0
        self._has_time = False
        self._wrong = False
        self.shapes = Shapes()

    def read(self, piece: Piece) -> None:
        content = self._request
        if piece.end - piece.start != len(content):
            content = content[piece.start : piece.end]
        try:
            if self._signal is TRACES:
                spans = merged(piece.level, content)
                self.items += self.shapes.look(piece.level, content, spans)
            else:
                message = self._signal.levels[piece.level].FromString(content)
                self.items += count_items(self._signal, message, piece.level)
        except DecodeError as error:
            raise _undecodable(self._signal, self._request, error) from error
        self.items += self._begins(piece)
        if self.items > ITEMS_MAX:
            raise TooLarge(
                f"the request has more than {ITEMS_MAX} {self._signal.items}; send smaller requests"
            )
        if self._signal is TRACES:
            self._look_at_spans(spans)
        elif self._signal is LOGS:
            records = _LOG_TIMES[piece.level].FromString(content)
            for name in _MERGED[piece.level :]:
                records = getattr(records, name)
            self._has_time = self._has_time or bool(records.time or records.observed)
        if len(self._request) > 2 * KEY_VALUES_MAX:
            self._count_key_values(piece.level, content)

    @property
    def suspicious(self) -> bool:
        """Whether an item may be bad, or the request be of another signal."""
        if self._signal is TRACES:
            return self._wrong or not self._trace_ids == self._span_ids == self.items
        return self._signal is LOGS and self.items > 0 and not self._has_time

    def _begins(self, piece: Piece) -> int:
        return int(piece.begins_item and self._signal is not METRICS)

    def _look_at_spans(self, spans: Any) -> None:
        trace_ids, span_ids = spans.trace_id[:], spans.span_id[:]
        self._trace_ids += len(trace_ids)
        self._span_ids += len(span_ids)
        self._wrong = (
            self._wrong
            or not {TRACE_ID_BYTES}.issuperset(map(len, trace_ids))
            or not {SPAN_ID_BYTES}.issuperset(map(len, span_ids))
            or _NO_TRACE_ID in trace_ids
            or _NO_SPAN_ID in span_ids
            or max(spans.start_time_unix_nano[:], default=0) > TIME_NS_MAX
        )

    def _count_key_values(self, level: int, content: bytes) -> None:
        found = _KEY_VALUES[level].FromString(content)
        for name in _MERGED[level:]:
            found = getattr(found, name)
        self._key_values += len(found.attributes) + len(found.log_attributes)
        if self._key_values > KEY_VALUES_MAX:
            raise TooLarge(f"the request has more than {KEY_VALUES_MAX} key-values")


def count_items(signal: Signal, message: Any, level: int) -> int:
    """Return the spans, log records or data points in a message of a level.

    A message of the item's own level counts as none, unless it is a metric with its points.
    """
    containers = [message]
    for name in signal.names[level:-1]:
        containers = [child for parent in containers for child in getattr(parent, name)]
    if signal is METRICS:
        if level == len(signal.names):
            return _count_points(message)
        return sum(_count_points(metric) for scope in containers for metric in scope.metrics)
    if level == len(signal.names):
        return 0
    return sum(len(getattr(container, signal.names[-1])) for container in containers)


def _count_points(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0


def _cut(request: bytes) -> list[Piece]:
    if len(request) <= PIECE_BYTES_MAX:
        return [Piece(0, 0, len(request))]
    return list(pieces(request))


def _without_bad_items(signal: Signal, request: bytes, items: int, trimmed_fields: int) -> Examined:
    other = _meant_for(signal, request)
    if other is not None:
        raise Undecodable(f"these are {other.name}, which go to {other.path}")
    if signal is not TRACES:
        return Examined(request, items, trimmed_fields=trimmed_fields)
    rejected: Counter[str] = Counter()

    def is_kept(span: Any) -> bool:
        reason = _wrong_with(span)
        if reason:
            rejected[reason] += 1
        return not reason

    def leave_out(level: int, message: Any) -> bool:
        if level == ITEM_LEVEL:
            return is_kept(message)
        for scope_spans in scopes(level, message):
            kept = list(filter(is_kept, scope_spans.spans))
            if len(kept) < len(scope_spans.spans):
                del scope_spans.spans[:]
                scope_spans.spans.extend(kept)
        return True

    request = rewritten(request, leave_out)
    return Examined(request, items - rejected.total(), dict(rejected), trimmed_fields)


def _wrong_with(span: Any) -> str:
    if len(span.trace_id) != TRACE_ID_BYTES or not any(span.trace_id):
        return "invalid_trace_id"
    if len(span.span_id) != SPAN_ID_BYTES or not any(span.span_id):
        return "invalid_span_id"
    return "timestamp" if span.start_time_unix_nano > TIME_NS_MAX else ""


def _undecodable(signal: Signal, request: bytes, error: Exception) -> Undecodable:
    name = signal.request.DESCRIPTOR.name
    # Of a larger one it would cost more than a moment to find out.
    small = len(request) <= PIECE_BYTES_MAX
    other = _meant_for(signal, request) if small else None
    if other is not None and other is not signal:
        return Undecodable(f"these are {other.name}, which go to {other.path}")
    return Undecodable(f"the body of {len(request)} B is not an {name} of OTLP: {error}")


def _meant_for(signal: Signal, request: bytes) -> Signal | None:
    """Return the signal that a request of nothing but nonsense is really of, if that is plain."""
    contents = [(piece.level, piece.start, piece.end) for piece in _cut(request)]
    with contextlib.suppress(DecodeError):
        if signal is not LOGS and any(
            _has_log_times(level, request[start:end]) for level, start, end in contents
        ):
            return LOGS
    with contextlib.suppress(DecodeError):
        if signal is not TRACES:
            lengths = {
                len(trace_id)
                for level, start, end in contents
                for trace_id in merged(level, request[start:end]).trace_id
            }
            if lengths == {TRACE_ID_BYTES}:
                return TRACES
    return None


def _has_log_times(level: int, content: bytes) -> bool:
    records = _LOG_TIMES[level].FromString(content)
    for name in _MERGED[level:]:
        records = getattr(records, name)
    time.sleep(0)
    return bool(records.time or records.observed)


def _merged(
    name: str, fields: Sequence[tuple[str, int, int]], repeated: bool = True
) -> tuple[Any, ...]:
    """Return the messages of four levels that merge all items of a request into one.

    Each level has its one inner message, which is not repeated, so the reader merges them; the
    innermost has `fields`, repeated, so that they come as lists over all items, or else as one.
    """
    proto = descriptor_pb2.FileDescriptorProto(
        name=f"tollbook/{name}.proto", package=name, syntax="proto3"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for level, number in enumerate((1, 2, 2)):
        proto.message_type.add(name=f"Level{level}").field.add(
            name="inner",
            number=number,
            label=kinds.LABEL_OPTIONAL,
            type=kinds.TYPE_MESSAGE,
            type_name=f".{name}.Level{level + 1}",
        )
    innermost = proto.message_type.add(name="Level3")
    label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
    for field_name, number, kind in fields:
        innermost.field.add(name=field_name, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(proto.SerializeToString())
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{name}.Level{level}"))
        for level in range(4)
    )


_BYTES: Final = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_FIXED64: Final = descriptor_pb2.FieldDescriptorProto.TYPE_FIXED64
_MERGED: Final = ("inner", "inner", "inner")
_NO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)
_NO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)
# Not repeated: a list of numbers could also be packed, and then any bytes are one.
_LOG_TIMES: Final = _merged("logs", [("time", 1, _FIXED64), ("observed", 11, _FIXED64)], False)
_KEY_VALUES: Final = _merged(
    "key_values", [("attributes", 9, _BYTES), ("log_attributes", 6, _BYTES)]
)
