"""A large request is changed piece by piece, and is then what it would be if changed as a whole."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tollbook_collector.intake.examine import examine
from tollbook_collector.intake.reshape import ATTRIBUTES_MAX
from tollbook_collector.intake.rewrite import rewritten, scopes
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.intake.wire import ITEM_LEVEL, PIECE_BYTES_MAX

Shape = list[list[list[int]]]
# Bytes of each span's text, by scope and resource; negative: the span is bad.
SHAPES: dict[str, Shape] = {
    "many small spans": [[[100] * 3_000 + [-100] + [100] * 2_000 + [-1]]],
    "many scopes": [[[5_000, -5_000]] * 100],
    "many resources": [[[5_000, -5_000]]] * 100,
    "spans larger than a piece": [[[-200_000, 10, 200_000, -10, -200_000]]],
    "only bad spans": [[[-1_000] * 600], [[-1_000]]],
    "a bad span behind a good half": [[[1_000] * 300], [[1_000] * 300, [-1_000]]],
}


def request(shape: Shape) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for number, resource in enumerate(shape):
        resource_spans = message.resource_spans.add(schema_url=f"resource {number}")
        resource_spans.resource.attributes.add(key="service.name").value.string_value = "s"
        for scope in resource:
            scope_spans = resource_spans.scope_spans.add(schema_url="scope")
            scope_spans.scope.name = "tests"
            for index, size in enumerate(scope):
                span_id = b"bad" if size < 0 else (index + 1).to_bytes(8, "big")
                span = scope_spans.spans.add(trace_id=b"t" * 16, span_id=span_id, name="chat")
                # A field of an item has a limit of its own, so a large one is of two.
                for half in range(2):
                    span.attributes.add(key=str(half)).value.string_value = "x" * abs(size)
    return message


def spans_of(message: Any) -> Iterator[Any]:
    for scope_spans in scopes(0, message):
        yield from scope_spans.spans


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_bad_spans_are_left_out_of_a_large_request_and_nothing_else_changes(shape: Shape) -> None:
    message = request(shape)
    body = message.SerializeToString()
    bad = sum(size < 0 for resource in shape for scope in resource for size in scope)

    examined = examine(TRACES, body)

    for scope_spans in scopes(0, message):
        kept = [span for span in scope_spans.spans if span.span_id != b"bad"]
        del scope_spans.spans[:]
        scope_spans.spans.extend(kept)
    assert len(body) > PIECE_BYTES_MAX
    assert dict(examined.rejected) == {"invalid_span_id": bad}
    assert ExportTraceServiceRequest.FromString(examined.request) == message
    assert examined.items == sum(1 for _ in spans_of(message))


def test_spans_of_a_large_request_are_flattened_and_shortened_wherever_they_are() -> None:
    message = request([[[1_000] * 400 + [200_000]], [[10]]])
    for span in spans_of(message):
        nested = span.attributes.add(key="a").value.kvlist_value
        nested.values.add(key="b").value.int_value = 7
        for number in range(ATTRIBUTES_MAX):
            span.events.add(name="e", time_unix_nano=number)
        span.events.add(name="one too many")

    examined = examine(TRACES, message.SerializeToString())

    found = list(spans_of(ExportTraceServiceRequest.FromString(examined.request)))
    assert examined.trimmed_fields == len(found) == 402
    assert {span.attributes[-1].key for span in found} == {"a.b"}
    assert {len(span.events) for span in found} == {ATTRIBUTES_MAX}


def test_no_more_than_a_piece_is_read_at_a_time() -> None:
    body = request([[[1_000] * 2_000, [200_000] * 5]] * 2).SerializeToString()
    sizes = []

    def look(level: int, message: Any) -> bool:
        sizes.append((level, message.ByteSize()))
        return True

    assert rewritten(body, look) == body
    assert len(sizes) > len(body) / PIECE_BYTES_MAX
    assert all(size <= PIECE_BYTES_MAX for level, size in sizes if level < ITEM_LEVEL)
