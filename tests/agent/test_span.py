"""The bytes of a span, as protobuf reads them."""

from decimal import Decimal

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import Cost
from tollbook.span import (
    ATTRIBUTE_CHARS_MAX,
    Value,
    any_value,
    export_request,
    plain,
    resource_bytes,
    scope_bytes,
    span_bytes,
)
from tollbook.tally import Losses


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", "string_value"),
        ("ä" * 200, "string_value"),
        (True, "bool_value"),
        (False, "bool_value"),
        (0, "int_value"),
        (127, "int_value"),
        (128, "int_value"),
        (2**63 - 1, "int_value"),
        (-1, "int_value"),
        (0.1, "double_value"),
    ],
)
def test_a_value_is_what_protobuf_reads(value: Value, kind: str) -> None:
    read = AnyValue.FromString(any_value(value))

    assert read.WhichOneof("value") == kind
    assert getattr(read, kind) == value


def test_a_list_of_texts_is_an_array() -> None:
    read = AnyValue.FromString(any_value(("stop", "length")))

    assert [item.string_value for item in read.array_value.values] == ["stop", "length"]


def call(model: str, tags: dict[str, str] | None = None) -> Call:
    return Call(
        operation="chat",
        api_type="chat_completions",
        provider="openai",
        server_address="h",
        server_port=443,
        request=Request(model=model, choice_count=1),
        response=Response(usage=Usage(input_tokens=0), finish_reasons=("stop",) * 1000),
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        start_time_ns=1,
        end_time_ns=2**62,
        first_chunk_ns=None,
        error_type=None,
        tags=tags or {},
    )


def test_texts_of_any_length_and_characters_become_a_span_within_the_limits() -> None:
    losses = Losses()
    model = "\ud800" + "m" * 10**6

    read = Span.FromString(span_bytes(call(model, {"a\ud800": "\udfff"}), None, losses))

    assert len(read.name) == ATTRIBUTE_CHARS_MAX
    assert read.name.startswith("chat ?m")
    said = {pair.key: pair.value for pair in read.attributes}
    assert len(said["gen_ai.request.model"].string_value) == ATTRIBUTE_CHARS_MAX
    assert len(said["gen_ai.response.finish_reasons"].array_value.values) == 128
    assert said["tollbook.tags.a?"].string_value == "?"
    assert said["gen_ai.usage.input_tokens"].int_value == 0
    assert "gen_ai.usage.output_tokens" not in said
    assert "gen_ai.request.choice.count" not in said
    assert losses.values()["value_cut"] == 2


def test_calls_that_ask_the_same_share_no_more_than_what_they_ask() -> None:
    one = call("m")._replace(response=Response(response_id="a", model="m-1"))
    other = call("m")._replace(response=Response(response_id="b", usage_complete=False))

    reads = [Span.FromString(span_bytes(some, None, Losses())) for some in (one, other, one)]

    said = [{pair.key: pair.value for pair in read.attributes} for read in reads]
    assert [some["gen_ai.response.id"].string_value for some in said] == ["a", "b", "a"]
    assert [some["gen_ai.request.model"].string_value for some in said] == ["m", "m", "m"]
    assert ["gen_ai.response.model" in some for some in said] == [True, False, True]
    assert ["tollbook.usage.complete" in some for some in said] == [False, True, False]


def test_each_text_that_is_cut_is_counted_however_often_it_comes() -> None:
    losses = Losses()

    for _ in range(3):
        span_bytes(call("m")._replace(provider="p" * 2000), None, losses)

    assert losses.values()["value_cut"] == 3


def test_a_request_holds_its_resource_scope_and_spans() -> None:
    span = span_bytes(call("m"), Cost(Decimal("1E-7"), "p"), Losses())

    request = export_request(
        resource_bytes({"service.name": "s", "process.pid": 7}), scope_bytes("n", "1"), [span] * 300
    )

    (resource_spans,) = ExportTraceServiceRequest.FromString(request).resource_spans
    (scope_spans,) = resource_spans.scope_spans
    assert resource_spans.resource.attributes[1].value.int_value == 7
    assert (scope_spans.scope.name, scope_spans.scope.version) == ("n", "1")
    assert len(scope_spans.spans) == 300
    read = scope_spans.spans[299]
    assert (read.trace_id, read.span_id, read.parent_span_id) == (b"t" * 16, b"s" * 8, b"p" * 8)
    assert (read.kind, read.start_time_unix_nano, read.end_time_unix_nano) == (3, 1, 2**62)
    said = {pair.key: pair.value for pair in read.attributes}
    assert said["tollbook.cost_usd"].string_value == "0.0000001"
    assert said["gen_ai.usage.cost.amount"].double_value == 1e-7


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "0"),
        ("0E-12", "0"),
        ("1E+2", "100"),
        ("0.0035000", "0.0035"),
        ("1E-12", "0.000000000001"),
    ],
)
def test_dollars_are_written_as_plain_digits(usd: str, text: str) -> None:
    assert plain(Cost(Decimal(usd), "p")) == text
