"""The OTLP/HTTP door: the status is the truth about the request's fate."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gates import open_gate
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_requests import Span, request

from tollbook_collector.intake import http
from tollbook_collector.intake.accept import Busy, Door
from tollbook_collector.intake.decompress import REQUEST_BYTES_MAX
from tollbook_collector.intake.http import HttpDoor
from tollbook_collector.intake.status import RETRY_AFTER_MAX_S, Status
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import Envelope, envelopes

PROTOBUF = {"content-type": "application/x-protobuf"}
BODY = request([Span(), Span()])
LONG_S = 30.0


@dataclass
class Answer:
    """What an ASGI application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 100_000_000, segment_age_max_s=0.01, disk_free_bytes_min=0)
    yield spool
    spool.close()


async def ask(
    spool: Spool,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    method: str = "POST",
    path: str = "/v1/traces",
    parts: int = 1,
) -> Answer:
    """Send one request to the door, its body in `parts`, and return the answer."""
    size = len(body) // parts + 1
    chunks = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]
    answer = Answer()

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    given = PROTOBUF if headers is None else headers
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    door = Door({"traces": spool})
    await HttpDoor(door, open_gate())(scope, receive, send)
    door.close()
    return answer


def taken(spool: Spool) -> list[Envelope]:
    """Return what is in the oldest sealed segment."""
    segment = spool.claim(LONG_S)
    assert segment is not None
    return list(envelopes(segment.path.read_bytes()))


def stored(spool: Spool) -> list[bytes]:
    """Return the requests of the oldest sealed segment."""
    return [envelope.request for envelope in taken(spool)]


async def test_an_accepted_request_is_on_disk_as_it_came(spool: Spool) -> None:
    answer = await ask(spool, parts=3)

    assert (answer.status, answer.body) == (200, b"")
    assert stored(spool) == [BODY]
    assert spool.counts().spans == 2


@pytest.mark.parametrize(
    "compressed",
    [gzip.compress(BODY), gzip.compress(BODY[:10]) + gzip.compress(BODY[10:])],
    ids=["one member", "two members"],
)
async def test_gzip_is_taken_off(spool: Spool, compressed: bytes) -> None:
    answer = await ask(spool, compressed, {**PROTOBUF, "content-encoding": "gzip"})

    assert answer.status == 200
    assert stored(spool) == [BODY]


async def test_an_empty_request_succeeds_and_leaves_nothing(spool: Spool) -> None:
    answer = await ask(spool, b"")

    assert answer.status == 200
    assert spool.counts().requests == 0


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"method": "GET"}, 405, "GET is not allowed"),
        ({"path": "/v1/nothing"}, 404, "/v1/nothing is not served here"),
        ({"headers": {}}, 415, "application/x-protobuf"),
        ({"headers": {"content-type": "text/plain"}}, 415, "application/x-protobuf"),
        ({"headers": {**PROTOBUF, "content-encoding": "br"}}, 415, "'br' is not known"),
        ({"headers": {**PROTOBUF, "content-encoding": "gzip"}}, 400, "the gzip body is damaged"),
        (
            {"headers": {**PROTOBUF, "content-encoding": "gzip"}, "body": gzip.compress(BODY)[:-9]},
            400,
            "ends in the middle",
        ),
        ({"body": b"not protobuf at all"}, 400, "is not an ExportTraceServiceRequest"),
        ({"body": BODY[:-1]}, 400, "is not an ExportTraceServiceRequest"),
    ],
)
async def test_what_can_never_succeed_is_refused_with_its_reason(
    spool: Spool, changes: dict[str, Any], status: int, words: str
) -> None:
    answer = await ask(spool, **changes)

    assert answer.status == status
    assert words in answer.body.decode(errors="replace")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert spool.counts().requests == 0


async def test_a_body_is_read_to_its_limit_and_not_further(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_BYTES_MAX", len(BODY))

    exact = await ask(spool, BODY)
    longer = await ask(spool, BODY + b"\x00")

    assert (exact.status, longer.status) == (200, 413)


async def test_a_bomb_is_refused_after_the_limit_was_produced(spool: Spool) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    parts = [bomb.compress(bytes(2**20)) for _ in range(REQUEST_BYTES_MAX // 2**20 + 8)]
    body = b"".join(parts) + bomb.flush()

    answer = await ask(spool, body, {**PROTOBUF, "content-encoding": "gzip"})

    assert len(body) < 100_000
    assert answer.status == 413


async def test_a_full_spool_asks_the_sender_to_come_back(tmp_path: Path) -> None:
    full = Spool(tmp_path / "full", bytes_max=1, disk_free_bytes_min=0)

    answer = await ask(full)
    full.close()

    assert answer.status == 503
    assert 1 <= int(answer.headers["retry-after"]) <= RETRY_AFTER_MAX_S


async def test_bad_spans_are_counted_in_the_answer_and_good_ones_kept(spool: Spool) -> None:
    body = request([Span(), Span(trace_id=b"short"), Span(span_id=bytes(8)), Span(span_id=b"x")])

    answer = await ask(spool, body)

    success = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert answer.status == 200
    assert success.rejected_spans == 3
    assert success.error_message == "2 invalid_span_id; 1 invalid_trace_id"
    (envelope,) = taken(spool)
    assert (envelope.spans, dict(envelope.rejected)) == (
        1,
        {"invalid_span_id": 2, "invalid_trace_id": 1},
    )


async def test_a_request_of_bad_spans_alone_is_still_accounted_for(spool: Spool) -> None:
    answer = await ask(spool, request([Span(trace_id=b"short")]))

    assert answer.status == 200
    (envelope,) = taken(spool)
    assert (envelope.spans, envelope.rejected) == (0, (("invalid_trace_id", 1),))


JSON_SPANS = [
    {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"},
    {"traceId": "00" * 16, "spanId": "eee19b7ec3c1b174"},
]
JSON_BODY = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": JSON_SPANS}]}]}).encode()


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_becomes_protobuf_and_is_answered_in_json(
    spool: Spool, content_type: str
) -> None:
    answer = await ask(spool, JSON_BODY, {"content-type": content_type})

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {
        "partialSuccess": {"rejectedSpans": "1", "errorMessage": "1 invalid_trace_id"}
    }
    (envelope,) = taken(spool)
    assert b"\x5b\x8e\xff\xf7" in envelope.request


async def test_json_that_is_kept_whole_is_answered_with_an_empty_object(spool: Spool) -> None:
    answer = await ask(spool, b"{}", {"content-type": "application/json"})

    assert (answer.status, answer.body) == (200, b"{}")


async def test_an_error_to_json_is_json(spool: Spool) -> None:
    answer = await ask(spool, b'{"resourceSpans": NaN}', {"content-type": "application/json"})

    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert json.loads(answer.body) == {
        "code": 3,
        "message": "NaN is not JSON; OTLP has strings for it in double values",
    }


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
async def test_a_signal_without_a_spool_is_not_served(spool: Spool, path: str) -> None:
    answer = await ask(spool, path=path)

    assert answer.status == 404


async def test_a_length_over_the_limit_is_refused_before_the_body_is_read(spool: Spool) -> None:
    answer = await ask(spool, headers={**PROTOBUF, "content-length": str(REQUEST_BYTES_MAX + 1)})

    assert (answer.status, answer.headers["connection"]) == (413, "close")


async def test_more_bodies_than_memory_has_room_for_wait_their_turn(spool: Spool) -> None:
    door = Door({"traces": spool}, bodies_bytes_max=100)

    with door.room(90), pytest.raises(Busy, match="90 B of requests"), door.room(20):
        pass
    with door.room(1000):
        door.close()


def test_an_error_is_a_status_that_protobuf_reads() -> None:
    """google.rpc.Status has the code as field 1 and the message as field 2."""
    status = Status(3, "x" * 200).protobuf()

    assert status[:2] == b"\x08\x03"
    assert status[2:5] == b"\x12\xc8\x01"
    assert status[5:] == b"x" * 200
