"""What is kept of a request: a bad span costs one span, a bomb costs nothing."""

import os
import resource
import time
from collections import Counter

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import Span, request

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.examine import TIME_NS_MAX, Undecodable, examine
from tollbook_collector.intake.signals import LOGS, METRICS, TRACES
from tollbook_collector.intake.wire import FIELD_BYTES_MAX, ITEMS_MAX, PIECE_BYTES_MAX, pieces
from tollbook_collector.spool.segment import varint

GOOD_TRACE = b"T" * 16
GOOD_SPAN = b"S" * 8
MEBIBYTE = 1024 * 1024
# What is wrong with a span: its ids, the start of it, and how the answer calls that.
WRONG = [
    *((bytes([1]) * size, GOOD_SPAN, 1, "invalid_trace_id") for size in (0, 8, 15, 17, 32)),
    (bytes(16), GOOD_SPAN, 1, "invalid_trace_id"),
    *((GOOD_TRACE, bytes([1]) * size, 1, "invalid_span_id") for size in (0, 7, 9)),
    (GOOD_TRACE, bytes(8), 1, "invalid_span_id"),
    (GOOD_TRACE, GOOD_SPAN, TIME_NS_MAX + 1, "timestamp"),
    (GOOD_TRACE, GOOD_SPAN, 2**64 - 1, "timestamp"),
]
# What is odd about a span and still kept: start, end.
ODD_TIMES = [(0, 0), (5, 0), (5, 4), (1, 2**64 - 1), (TIME_NS_MAX, TIME_NS_MAX)]


def span_request(*spans: tuple[bytes, bytes, int], size: int = 0) -> bytes:
    """Return a request of spans by trace id, span id and start, with `size` bytes of text each."""
    message = ExportTraceServiceRequest()
    for trace_id, span_id, started in spans:
        # A resource for each span, as collectors send them, so that there are many to cut at.
        scope_spans = message.resource_spans.add().scope_spans.add()
        span = scope_spans.spans.add(trace_id=trace_id, span_id=span_id)
        span.start_time_unix_nano = started
        if size:
            span.attributes.add(key="text").value.string_value = "x" * size
    return message.SerializeToString()


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def in_scope(spans: bytes) -> bytes:
    return field(1, field(2, spans))


def spans_of(body: bytes) -> list[tuple[bytes, bytes]]:
    message = ExportTraceServiceRequest.FromString(body)
    return [
        (span.trace_id, span.span_id)
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def test_a_good_request_is_kept_byte_for_byte() -> None:
    body = request([Span(), Span()])

    examined = examine(TRACES, body)

    assert examined.request is body
    assert (examined.items, dict(examined.rejected)) == (2, {})


@pytest.mark.parametrize(("trace_id", "span_id", "started", "reason"), WRONG)
def test_one_bad_span_costs_one_span(
    trace_id: bytes, span_id: bytes, started: int, reason: str
) -> None:
    good = (GOOD_TRACE, GOOD_SPAN, 1)

    examined = examine(TRACES, span_request(good, (trace_id, span_id, started), good))

    assert dict(examined.rejected) == {reason: 1}
    assert examined.items == 2
    assert spans_of(examined.request) == [good[:2], good[:2]]


# A field 3 of wire type 3 that ends at once: no proto3 has groups, and its readers pass over them.
GROUP = b"\x1b\x1c"


def test_a_bad_span_beside_a_group_costs_one_span() -> None:
    good = (GOOD_TRACE, GOOD_SPAN, 1)

    examined = examine(TRACES, span_request(good, (GOOD_TRACE, b"short", 1)) + GROUP)

    assert dict(examined.rejected) == {"invalid_span_id": 1}
    assert spans_of(examined.request) == [good[:2]]


def test_a_request_with_a_group_that_grows_too_large_to_read_as_one_is_refused() -> None:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=GOOD_TRACE, span_id=b"short", start_time_unix_nano=1)
    # What a key-value nests gets its names in front, each time.
    for number in range(40):
        span = spans.add(trace_id=GOOD_TRACE, span_id=GOOD_SPAN, start_time_unix_nano=1)
        outer = span.attributes.add(key="k" * 400)
        for inner in range(100):
            value = outer.value.kvlist_value.values.add(key=f"{number}-{inner}").value
            value.string_value = "v"
    body = message.SerializeToString() + GROUP
    assert len(body) <= PIECE_BYTES_MAX

    with pytest.raises(Undecodable, match="wire type 3"):
        examine(TRACES, body)


@pytest.mark.parametrize(("started", "ended"), ODD_TIMES)
def test_odd_times_that_a_column_can_hold_are_kept(started: int, ended: int) -> None:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = GOOD_TRACE, GOOD_SPAN
    span.start_time_unix_nano, span.end_time_unix_nano = started, ended

    examined = examine(TRACES, message.SerializeToString())

    assert (examined.items, dict(examined.rejected)) == (1, {})


@settings(max_examples=150, deadline=None)
@given(
    good=st.integers(0, 8),
    bad=st.lists(st.sampled_from(WRONG), max_size=8),
    order=st.randoms(use_true_random=False),
    size=st.sampled_from([0, 10, 70_000]),
)
def test_what_is_rejected_is_exactly_what_is_wrong(
    good: int, bad: list[tuple[bytes, bytes, int, str]], order: object, size: int
) -> None:
    spans = [(GOOD_TRACE, os.urandom(7) + b"\x01", 1) for _ in range(good)]
    spans += [wrong[:3] for wrong in bad]
    order.shuffle(spans)  # type: ignore[attr-defined]

    examined = examine(TRACES, span_request(*spans, size=size))

    assert dict(examined.rejected) == dict(Counter(wrong[3] for wrong in bad))
    assert examined.items == good


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(in_scope(b"\x12\x00" * 10_000_000), id="10 M empty spans"),
        pytest.param(b"\x0a\x00" * 10_000_000, id="10 M empty resources"),
        pytest.param(field(1, b"\x12\x00" * 10_000_000), id="10 M empty scopes"),
        pytest.param(in_scope(field(2, b"\x4a\x00" * 10_000_000)), id="10 M attributes of a span"),
        pytest.param(in_scope(field(2, b"\x5a\x00" * 10_000_000)), id="10 M events of a span"),
        pytest.param(
            in_scope(field(2, b"\x4a\x00" * 9_000) * 1_000), id="9 M attributes of 1,000 spans"
        ),
        pytest.param(in_scope(b"\x12\x00" * (ITEMS_MAX + 1)), id="one span too many"),
    ],
)
def test_a_bomb_of_objects_is_refused_before_they_are_made(body: bytes) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()

    with pytest.raises(TooLarge):
        examine(TRACES, body)

    assert time.process_time() - started < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 128 * 1024


def test_a_field_that_is_too_long_is_left_out_and_its_span_kept() -> None:
    elements = field(1, b"") * 5_000_000
    bomb = field(9, field(1, b"k") + field(2, field(5, elements)))
    span = field(1, GOOD_TRACE) + field(2, GOOD_SPAN) + bomb
    good = field(2, field(1, GOOD_TRACE) + field(2, GOOD_SPAN))

    examined = examine(TRACES, in_scope(field(2, span) + good))

    assert (examined.items, examined.trimmed_fields) == (2, 1)
    assert spans_of(examined.request) == [(GOOD_TRACE, GOOD_SPAN)] * 2
    assert len(examined.request) < 200


def test_a_large_request_is_cut_into_pieces_that_are_the_request_again() -> None:
    spans = [(GOOD_TRACE, os.urandom(7) + b"\x01", 1) for _ in range(100)]
    many = field(2, field(1, GOOD_TRACE) + field(2, GOOD_SPAN)) * 20_000
    body = span_request(*spans, size=9_000) + in_scope(many)

    found = list(pieces(body))

    assert max(piece.end - piece.start for piece in found) <= PIECE_BYTES_MAX
    assert len(body) > 2 * PIECE_BYTES_MAX
    assert examine(TRACES, body).items == 20_100


def test_an_item_larger_than_a_piece_counts_once() -> None:
    attributes = b"".join(
        field(9, field(1, b"k%d" % number) + field(2, field(1, b"x" * 200_000)))
        for number in range(5)
    )
    span = field(2, field(1, GOOD_TRACE) + field(2, GOOD_SPAN) + attributes)

    examined = examine(TRACES, in_scope(span))

    assert len(span) > FIELD_BYTES_MAX
    assert (examined.items, dict(examined.rejected), examined.trimmed_fields) == (1, {}, 0)


@pytest.mark.parametrize("levels", [47, 48, 1_000, 20_000])
def test_deep_nesting_is_kept_or_refused_and_never_a_fault(levels: int) -> None:
    value = field(1, b"deep")
    for _ in range(levels):
        value = field(5, field(1, value))
    attribute = field(9, field(1, b"k") + field(2, value))
    body = in_scope(field(2, field(1, GOOD_TRACE) + field(2, GOOD_SPAN) + attribute))

    try:
        kept = examine(TRACES, body).items
    except (Undecodable, TooLarge):
        kept = 0

    assert kept == (1 if levels <= 47 else 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not protobuf at all", id="text"),
        pytest.param(b"\x00", id="field number 0"),
        pytest.param(b"\x0b", id="group"),
        pytest.param(b"\x0a" + b"\xff" * 10 + b"\x01", id="length of more than ten bytes"),
        pytest.param(b"\x0a\x7f", id="length beyond the end"),
        pytest.param(b"\x0a" + varint(2**63), id="length of 2^63"),
        pytest.param(in_scope(field(2, field(5, b"\xff\xfe"))), id="a name that is not UTF-8"),
        pytest.param(b"\x0f" * MEBIBYTE, id="a large body of nonsense"),
    ],
)
def test_what_is_not_otlp_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Undecodable, match="is not an ExportTraceServiceRequest"):
        examine(TRACES, body)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused_exactly_where_protobuf_refuses_it(data: st.DataObject) -> None:
    """All spans are read as one, by messages of our own making."""
    body = bytearray(request([Span({"a": "b", "n": 1, "l": ["x", 2]}), Span({"f": 0.5})]))
    place = data.draw(st.integers(0, len(body) - 1))
    # The tag of a start that is a string: protobuf passes over it, and the store could not read it.
    body[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != 0x3A))
    try:
        ExportTraceServiceRequest.FromString(bytes(body))
        readable = True
    except DecodeError:
        readable = False

    try:
        examine(TRACES, bytes(body))
        kept = True
    except Undecodable:
        kept = False

    assert kept == readable


def test_nested_key_values_that_cannot_be_read_are_refused() -> None:
    value = field(2, field(6, b"\x0a\x7f"))

    with pytest.raises(Undecodable, match="is not an ExportTraceServiceRequest"):
        examine(TRACES, in_scope(field(2, field(9, field(1, b"k") + value))))


def test_every_cut_of_a_request_is_refused_or_a_shorter_request() -> None:
    body = request([Span({"a": "b"}), Span({"n": 1})])

    refused = 0
    for length in range(1, len(body)):
        try:
            assert examine(TRACES, body[:length]).items == 0
        except Undecodable:
            refused += 1

    assert refused == len(body) - 1


def log_request() -> bytes:
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    records.add(time_unix_nano=1).body.string_value = "said"
    records.add(observed_time_unix_nano=2)
    return message.SerializeToString()


def metric_request(points: int) -> bytes:
    message = ExportMetricsServiceRequest()
    metrics = message.resource_metrics.add().scope_metrics.add().metrics
    gauge = metrics.add(name="g").gauge
    histogram = metrics.add(name="h").histogram
    for _ in range(points):
        gauge.data_points.add(as_int=1)
    histogram.data_points.add(count=1)
    metrics.add(name="without points")
    return message.SerializeToString()


def test_log_records_and_data_points_are_counted() -> None:
    assert examine(LOGS, log_request()).items == 2
    assert examine(METRICS, metric_request(2)).items == 3
    assert examine(METRICS, metric_request(40_000)).items == 40_001


def test_logs_sent_as_traces_are_named_and_the_reverse() -> None:
    with pytest.raises(Undecodable, match="these are logs, which go to /v1/logs"):
        examine(TRACES, log_request())

    # These cannot be read as logs or metrics at all.
    for signal in (LOGS, METRICS):
        with pytest.raises(Undecodable, match="these are traces, which go to /v1/traces"):
            examine(signal, request([Span(), Span()]))
