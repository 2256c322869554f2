"""OTLP/JSON: the mapping of the specification, and nothing that Python's reader adds to it."""

import base64
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.otlp_json import DEPTH_MAX, NotOtlpJson, to_protobuf
from tollbook_collector.intake.signals import LOGS, METRICS, TRACES

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "EEE19B7EC3C1B174"


def document(**changes: Any) -> dict[str, Any]:
    span = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "chat", **changes}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def read(body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = ExportTraceServiceRequest.FromString(to_protobuf(TRACES, content))
    return message.resource_spans[0].scope_spans[0].spans[0]


def valued(value: Any) -> dict[str, Any]:
    return document(attributes=[{"key": "k", "value": value}])


def test_ids_are_hexadecimal_in_either_case() -> None:
    span = read(document(parentSpanId=SPAN_ID.lower()))

    assert span.trace_id == bytes.fromhex(TRACE_ID)
    assert span.span_id == span.parent_span_id == bytes.fromhex(SPAN_ID)


@pytest.mark.parametrize("start", [1_700_000_000_000_000_001, "1700000000000000001"])
def test_64_bit_integers_come_as_numbers_or_strings(start: int | str) -> None:
    assert read(document(startTimeUnixNano=start)).start_time_unix_nano == 1700000000000000001


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ({"stringValue": ""}, "string_value", ""),
        ({"intValue": "-5"}, "int_value", -5),
        ({"intValue": 7}, "int_value", 7),
        ({"intValue": 7.0}, "int_value", 7),
        ({"boolValue": False}, "bool_value", False),
        ({"doubleValue": 1}, "double_value", 1.0),
        ({"doubleValue": "-Infinity"}, "double_value", float("-inf")),
        ({"bytesValue": base64.b64encode(b"\x00\xff").decode()}, "bytes_value", b"\x00\xff"),
    ],
)
def test_values_keep_their_type(value: dict[str, Any], kind: str, expected: Any) -> None:
    (attribute,) = read(valued(value)).attributes

    assert attribute.value.WhichOneof("value") == kind
    assert getattr(attribute.value, kind) == expected


def test_arrays_and_key_values_nest() -> None:
    inner = {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}

    (attribute,) = read(valued({"arrayValue": {"values": [inner, {}]}})).attributes

    elements = attribute.value.array_value.values
    assert elements[0].kvlist_value.values[0].value.int_value == 1
    assert elements[1].WhichOneof("value") is None


def test_enums_are_integers_and_unknown_fields_and_null_are_ignored() -> None:
    span = read(document(kind=3, status={"code": 2}, notYetInvented={"a": [1]}, flags=None))

    assert (span.kind, span.status.code, span.flags) == (3, 2, 0)


def test_snake_case_is_an_unknown_field() -> None:
    assert read(document(start_time_unix_nano=5)).start_time_unix_nano == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (document(kind="SPAN_KIND_CLIENT"), "kind is an enum"),
        (document(traceId="W47/95gDgQPSabYzgT/GDA=="), "must be hexadecimal"),
        (document(spanId="abc"), "must be hexadecimal"),
        (document(startTimeUnixNano="12 s"), "must be an integer"),
        (document(startTimeUnixNano=-1), "does not fit"),
        (document(startTimeUnixNano=True), "must be an integer"),
        (document(startTimeUnixNano=1.5), "must be an integer"),
        (document(name=5), "must be a string"),
        (document(attributes={}), "must be an array"),
        (document(attributes=[1]), "must be an object"),
        (document(name="\ud800"), "does not fit|protobuf"),
        (valued({"boolValue": "true"}), "must be true or false"),
        (valued({"doubleValue": "much"}), "must be a number"),
        (valued({"bytesValue": "%%%"}), "must be base64"),
        ([], "must be an object"),
        (b'{"resourceSpans": NaN}', "NaN is not JSON"),
        (b'{"resourceSpans": -Infinity}', "Infinity is not JSON"),
        (b'{"resourceSpans": [], "resourceSpans": []}', "there twice"),
        (b'{"n": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": 1e999, "resourceSpans": 1}', "must be an array"),
        (b'{"resourceSpans": []} {}', "is not JSON"),
        (b'{"resourceSpans": [],}', "is not JSON"),
        (b'{"resourceSpans": [] // spans\n}', "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        ('{"resourceSpans": []}'.encode("utf-16"), "is not JSON|brackets"),
        (b"\xff", "is not JSON"),
        (b'"', "is not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "nests deeper"),
        (b'{"a":' * 100_000, "nests deeper"),
    ],
)
def test_what_the_mapping_does_not_allow_is_refused(body: Any, words: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    with pytest.raises(NotOtlpJson, match=words):
        to_protobuf(TRACES, content)


def test_brackets_in_strings_are_no_depth() -> None:
    assert read(document(name='[{"\\' * DEPTH_MAX)).name == '[{"\\' * DEPTH_MAX


def test_more_objects_than_a_request_may_have_are_refused_before_they_are_made() -> None:
    with pytest.raises(TooLarge, match="objects and arrays"):
        to_protobuf(TRACES, b"[" + b"{}," * 3_000_000 + b"{}]")


def test_a_key_that_is_there_twice_among_very_many_is_found_in_one_pass() -> None:
    names = ", ".join(f'"{number}": 1' for number in range(300_000))

    with pytest.raises(NotOtlpJson, match="the key '299999' is there twice"):
        to_protobuf(TRACES, f'{{{names}, "299999": 2}}'.encode())


@pytest.mark.parametrize("signal", [LOGS, METRICS])
def test_logs_and_metrics_follow_the_same_mapping(signal: Any) -> None:
    field = signal.request.DESCRIPTOR.fields[0].json_name
    body = {field: [{"resource": {"attributes": [{"key": "a", "value": {"intValue": "1"}}]}}]}

    message = signal.request.FromString(to_protobuf(signal, json.dumps(body).encode()))

    (entry,) = getattr(message, signal.names[0])
    assert entry.resource.attributes[0].value.int_value == 1
