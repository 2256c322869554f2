"""The catalogue of bad input: whether it costs a request, a span, a field or nothing, at each door.

A row is built once as protobuf. It goes to the HTTP door as protobuf and as OTLP/JSON, and to the
gRPC door, and each must decide alike: what is kept, rejected by which reason, and trimmed.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from gates import open_gate
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tollbook_collector.intake.accept import Door
from tollbook_collector.intake.examine import TIME_NS_MAX
from tollbook_collector.intake.grpc import GrpcDoor
from tollbook_collector.intake.http import HttpDoor
from tollbook_collector.intake.reshape import ATTRIBUTES_MAX
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import envelopes

LONG_S = 30.0
NOW_NS = 1_795_176_000_000_000_000
DOORS = ("protobuf", "json", "grpc")
HEX_IDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True)
class Case:
    """A bad span among good ones.

    Args:
        name: What is bad about it.
        spoil: Makes a good span so.
        reason: Why it is rejected; empty: it is kept.
        trimmed: Fields that are left out of it.
        doors: Where it can be said at all.
    """

    name: str
    spoil: Callable[[Any], object]
    reason: str = ""
    trimmed: int = 0
    doors: tuple[str, ...] = field(default=DOORS)


def setting(**values: Any) -> Callable[[Any], object]:
    def spoil(span: Any) -> None:
        for name, value in values.items():
            setattr(span, name, value)

    return spoil


def adding(field_name: str, count: int) -> Callable[[Any], object]:
    def spoil(span: Any) -> None:
        for number in range(count):
            one = getattr(span, field_name).add()
            if field_name == "attributes":
                one.key = f"k{number}"
                one.value.int_value = number
            elif field_name == "events":
                one.name = f"e{number}"
            else:
                one.trace_id = b"L" * 16

    return spoil


def attribute(key: str, **value: Any) -> Callable[[Any], object]:
    return lambda span: span.attributes.add(key=key, value=value)


def nested(levels: int) -> Callable[[Any], object]:
    def spoil(span: Any) -> None:
        value = span.attributes.add(key="deep").value
        for _ in range(levels):
            value = value.array_value.values.add()
        value.string_value = "down here"

    return spoil


CASES = [
    *(
        Case(f"trace id of {size} B", setting(trace_id=b"x" * size), "invalid_trace_id")
        for size in (0, 8, 15, 17, 32)
    ),
    Case("trace id of zeros", setting(trace_id=bytes(16)), "invalid_trace_id"),
    *(
        Case(f"span id of {size} B", setting(span_id=b"x" * size), "invalid_span_id")
        for size in (0, 7, 9)
    ),
    Case("span id of zeros", setting(span_id=bytes(8)), "invalid_span_id"),
    Case("start beyond 2262", setting(start_time_unix_nano=TIME_NS_MAX + 1), "timestamp"),
    Case("start at the last number", setting(start_time_unix_nano=2**64 - 1), "timestamp"),
    Case("its own parent", setting(parent_span_id=b"S" * 8)),
    Case("parent id of 3 B", setting(parent_span_id=b"abc")),
    Case("end before start", setting(end_time_unix_nano=NOW_NS - 1)),
    Case("no times", setting(start_time_unix_nano=0, end_time_unix_nano=0)),
    Case("end at the last number", setting(end_time_unix_nano=2**64 - 1)),
    Case("a day in the future", setting(start_time_unix_nano=NOW_NS + 86_400 * 10**9)),
    Case("no name", setting(name="")),
    Case("name with NUL, ANSI, RTL and newline", setting(name="\0\x1b[31m\u202e\n")),
    Case("name of 300 kB", setting(name="n" * 300_000), trimmed=1),
    Case("unknown kind", setting(kind=99)),
    Case("unknown status", lambda span: setattr(span.status, "code", 9)),
    Case("unknown bits of flags", setting(flags=0xFFFFFFFF)),
    Case("attribute without value", attribute("k")),
    Case("attribute without key", attribute("", string_value="v")),
    Case("attribute twice", lambda s: (attribute("k")(s), attribute("k", int_value=1)(s))),
    Case("attribute of bytes", attribute("k", bytes_value=b"\xff\x00")),
    Case("attribute that is not a number", attribute("k", double_value=float("nan"))),
    Case("attribute that is infinite", attribute("k", double_value=float("-inf"))),
    Case("attribute of 300 kB", attribute("k", string_value="v" * 300_000), trimmed=1),
    Case("__proto__ as a key", attribute("__proto__", string_value="v")),
    Case("a tenant in an attribute", attribute("tenant", string_value="globex")),
    Case("arrays 33 deep", nested(33)),
    Case("array of 10,000", attribute("k", array_value={"values": [{"int_value": 1}] * 10_000})),
    Case(f"{ATTRIBUTES_MAX} attributes", adding("attributes", ATTRIBUTES_MAX)),
    Case("1,500 attributes", adding("attributes", 1_500), trimmed=500),
    Case("1,001 events", adding("events", 1_001), trimmed=1),
    Case("1,200 links", adding("links", 1_200), trimmed=200),
    Case("a count of tokens below zero", attribute("gen_ai.usage.input_tokens", int_value=-1)),
    Case("a model that is a path", attribute("gen_ai.request.model", string_value="../../x")),
]  # fmt: skip


def good(number: int) -> Span:
    span = Span(trace_id=b"T" * 16, span_id=b"G" * 7 + bytes([number]), name="good")
    span.start_time_unix_nano, span.end_time_unix_nano = NOW_NS, NOW_NS + 1
    return span


def built(case: Case) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    bad = good(0)
    bad.span_id, bad.name = b"S" * 8, "bad"
    case.spoil(bad)
    message.resource_spans.add().scope_spans.add().spans.extend([good(1), bad, good(2)])
    return message


def as_otlp_json(message: ExportTraceServiceRequest) -> bytes:
    document = MessageToDict(message, use_integers_for_enums=True)
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for each in (span, *span.get("links", [])):
                    for name in HEX_IDS:
                        if name in each:
                            each[name] = base64.b64decode(each[name]).hex()
    return json.dumps(document).encode()


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 100_000_000, segment_age_max_s=0.0, disk_free_bytes_min=0)
    yield spool
    spool.close()


@pytest.fixture(name="door")
async def _door(spool: Spool) -> AsyncIterator[Door]:
    door = Door({"traces": spool})
    yield door
    door.close()


async def decided(door: Door, name: str, message: ExportTraceServiceRequest) -> tuple[int, str]:
    """Send a request through a door, and return how many spans it rejects and what it says."""
    if name == "grpc":
        server = GrpcDoor(door, open_gate(), "127.0.0.1:0")
        address = f"127.0.0.1:{await server.start()}"
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_unary(f"/{TRACES.service}/Export")
            body = await call(message.SerializeToString(), timeout=LONG_S)
        await server.stop()
    else:
        is_json = name == "json"
        content = as_otlp_json(message) if is_json else message.SerializeToString()
        kind = "application/json" if is_json else "application/x-protobuf"
        transport = httpx.ASGITransport(HttpDoor(door, open_gate()))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            answer = await client.post(
                "/v1/traces", content=content, headers={"content-type": kind}
            )
        assert answer.status_code == 200, answer.text
        if is_json:
            success = answer.json().get("partialSuccess", {})
            return int(success.get("rejectedSpans", 0)), success.get("errorMessage", "")
        body = answer.content
    found = ExportTraceServiceResponse.FromString(body).partial_success
    return found.rejected_spans, found.error_message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_bad_span_costs_what_the_catalogue_says(
    spool: Spool, door: Door, case: Case
) -> None:
    said = ""
    if case.reason:
        said = f"1 {case.reason}"
    elif case.trimmed:
        said = f"{case.trimmed} fields were left out because they are too long or too many"
    message = built(case)

    decisions = {name: await decided(door, name, message) for name in case.doors}

    assert decisions == dict.fromkeys(case.doors, (int(bool(case.reason)), said))
    segment = spool.claim(LONG_S)
    assert segment is not None
    first = next(iter(envelopes(spool.read(segment))))
    assert first.rejected == (((case.reason, 1),) if case.reason else ())
    kept = ExportTraceServiceRequest.FromString(first.request).resource_spans[0].scope_spans[0]
    assert [span.name for span in kept.spans if span.span_id[:1] == b"G"] == ["good", "good"]
    assert first.spans == len(kept.spans) == (2 if case.reason else 3)


async def test_nested_key_values_become_attributes_with_dots(spool: Spool, door: Door) -> None:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.CopyFrom(good(1))
    span.attributes.add(key="before").value.int_value = 1
    usage = span.attributes.add(key="gen_ai.usage").value.kvlist_value
    usage.values.add(key="input_tokens").value.int_value = 7
    details = usage.values.add(key="details").value.kvlist_value
    details.values.add(key="cached").value.int_value = 3
    span.attributes.add(key="nothing").value.kvlist_value.SetInParent()

    await decided(door, "protobuf", message)

    segment = spool.claim(LONG_S)
    assert segment is not None
    (kept,) = envelopes(spool.read(segment))
    (only,) = ExportTraceServiceRequest.FromString(kept.request).resource_spans[0].scope_spans
    found = {each.key: each.value.WhichOneof("value") for each in only.spans[0].attributes}
    assert list(found.items()) == [
        ("before", "int_value"),
        ("gen_ai.usage.input_tokens", "int_value"),
        ("gen_ai.usage.details.cached", "int_value"),
        ("nothing", "kvlist_value"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 200, id="empty"),
        pytest.param(b"random bytes", 400, id="random"),
        pytest.param(b"\x0a\x0b", 400, id="length beyond the end"),
        pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 400, id="length of 2^63"),
        pytest.param(b"\x00\x00", 400, id="field number 0"),
        pytest.param(b"\x0b\x0c", 200, id="a group, which is unknown and skipped"),
        pytest.param(b"\x10" + b"\xff" * 10 + b"\x01", 400, id="varint of more than ten bytes"),
        pytest.param(b"\x0a\x00" * 200_000, 413, id="more than 50,000 resources"),
    ],
)
async def test_what_is_no_request_costs_the_request(
    spool: Spool, door: Door, body: bytes, status: int
) -> None:
    transport = httpx.ASGITransport(HttpDoor(door, open_gate()))
    headers = {"content-type": "application/x-protobuf"}
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        answer = await client.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == status
    assert spool.counts().requests == 0


def with_span(fields: str) -> str:
    return '{"resourceSpans": [{"scopeSpans": [{"spans": [{' + fields + "}]}]}]}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"resourceSpans": [', id="cut"),
        pytest.param('{"resourceSpans": []} {}', id="two documents"),
        pytest.param('{"resourceSpans": [],}', id="trailing comma"),
        pytest.param('{"resourceSpans": [] /* no */}', id="comment"),
        pytest.param('\ufeff{"resourceSpans": []}', id="byte order mark"),
        pytest.param("[]", id="no object"),
        pytest.param('{"resourceSpans": 1}', id="no array"),
        pytest.param(with_span('"kind": "SPAN_KIND_CLIENT"'), id="name of an enum"),
        pytest.param(with_span('"traceId": "W47/95A="'), id="id in base64"),
        pytest.param(with_span('"startTimeUnixNano": NaN'), id="NaN"),
        pytest.param(with_span('"startTimeUnixNano": 1.5'), id="half a nanosecond"),
        pytest.param(with_span('"kind": ' + "9" * 5_000), id="5,000 digits"),
        pytest.param('{"resourceSpans": [], "resourceSpans": []}', id="a key twice"),
        pytest.param('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", id="100,000 levels"),
        pytest.param('{"a": "\ud800"}', id="lone surrogate"),
    ],
)  # fmt: skip
async def test_what_is_no_otlp_json_costs_the_request(spool: Spool, door: Door, text: str) -> None:
    transport = httpx.ASGITransport(HttpDoor(door, open_gate()))
    headers = {"content-type": "application/json; charset=utf-8"}
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        body = text.encode("utf-8", "surrogatepass")
        answer = await client.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert spool.counts().requests == 0
