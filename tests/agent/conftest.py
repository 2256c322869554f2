"""Loopback servers: a provider that answers model calls, and a collector that keeps their spans."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import tollbook
from tollbook.process import PROCESS
from tollbook.tally import Losses

if TYPE_CHECKING:  # absent from the environments of other libraries
    import anthropic
    import openai

NOWHERE = "http://127.0.0.1:1/"  # a port that no server is given
WAIT_S = 60.0  # for what must happen; a test that waits so long fails

# Numbers are all different, so that each can be told from the others.
CHAT_USAGE = {
    "prompt_tokens": 1207,
    "completion_tokens": 153,
    "total_tokens": 1360,
    "prompt_tokens_details": {"cached_tokens": 1031, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 67, "audio_tokens": 0},
}
RESPONSES_USAGE = {
    "input_tokens": 1307,
    "input_tokens_details": {"cached_tokens": 1033},
    "output_tokens": 163,
    "output_tokens_details": {"reasoning_tokens": 71},
    "total_tokens": 1470,
}
MESSAGES_USAGE = {
    "input_tokens": 211,
    "cache_creation_input_tokens": 307,
    "cache_read_input_tokens": 1013,
    "cache_creation": {"ephemeral_5m_input_tokens": 206, "ephemeral_1h_input_tokens": 101},
    "output_tokens": 173,
    "service_tier": "standard",
}
SECRET = "a-word-that-must-not-leave"


def chat_answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": json.dumps({"said": SECRET}), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [choice],
        "usage": CHAT_USAGE,
        "service_tier": "default",
    }


def chat_events(*, with_usage: bool) -> list[tuple[str | None, Any]]:
    def chunk(choices: list[Any], usage: Any = None) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1760000000,
            "model": "gpt-4o-2024-08-06",
            "service_tier": "default",
            "choices": choices,
            "usage": usage,
        }

    def choice(delta: Any, reason: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}

    events = [chunk([choice({"role": "assistant", "content": ""})])]
    events += [chunk([choice({"content": f"{SECRET} "})]) for _ in range(8)]
    events.append(chunk([choice({}, "stop")]))
    if with_usage:
        events.append(chunk([], CHAT_USAGE))
    return [*((None, event) for event in events), (None, "[DONE]")]


def responses_answer(status: str = "completed") -> dict[str, Any]:
    content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": SECRET}]
    output = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant"}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1760000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-4o-2024-08-06",
        "output": [{**output, "content": content}] if status == "completed" else [],
        "parallel_tool_calls": True,
        "service_tier": "default" if status == "completed" else "auto",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": RESPONSES_USAGE if status == "completed" else None,
    }


def responses_events() -> list[tuple[str | None, Any]]:
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant"}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": responses_answer("in_progress")},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "content": []},
        },
        {"type": "response.content_part.added", **place, "part": part},
    ]
    events += [
        {"type": "response.output_text.delta", **place, "delta": "x", "logprobs": []}
        for _ in range(8)
    ]
    events.append({"type": "response.completed", "response": responses_answer()})
    return [(e["type"], {**e, "sequence_number": n}) for n, e in enumerate(events)]


def messages_answer(usage: Any = None) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": SECRET}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage or MESSAGES_USAGE,
    }


def messages_events() -> list[tuple[str | None, Any]]:
    start = {
        **messages_answer({**MESSAGES_USAGE, "output_tokens": 2}),
        "content": [],
        "stop_reason": None,
    }
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    events += [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "x"},
        }
        for _ in range(8)
    ]
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 173}},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


class Server:
    """A threaded HTTP server on loopback that hands each POST to `answer`."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = WAIT_S

            def do_POST(self) -> None:
                body = request_body(self)
                try:
                    outer.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def request_body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length") or 0))
    pieces = []
    while size := int(handler.rfile.readline(), 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def reply(
    handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]
) -> None:
    handler.send_response(status)
    for name, value in {**headers, "content-length": str(len(content))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


class Provider(Server):
    """Answers model calls like OpenAI and Anthropic do.

    Attributes:
        statuses: Statuses of the next answers, before those that succeed.
        bodies: Bodies of the requests.
        headers: Headers of the requests, in lower case.
        hold_after: A stream pauses before its event of this number until `release` is set.
        broken_after: A stream breaks off before its event of this number.
        gzipped: Whether answers are compressed.
        usage: In place of the usual usage of chat completions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hold_after: int | None = None
        self.broken_after: int | None = None
        self.release = threading.Event()
        self.gzipped = False
        self.answers: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        self.release.set()
        super().close()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = json.loads(body or b"{}")
        self.bodies.append(asked)
        self.headers.append({name.lower(): text for name, text in handler.headers.items()})
        path = handler.path.split("?")[0]
        if self.statuses:
            error = {"type": "error", "error": {"type": "x", "message": SECRET}}
            headers = {"content-type": "application/json", "retry-after-ms": "1"}
            reply(handler, self.statuses.pop(0), json.dumps(error).encode(), headers)
        elif asked.get("stream"):
            self._stream(handler, path, asked)
        else:
            self._whole(handler, path)

    def _whole(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        kind = "messages" if path.endswith(":rawPredict") else path.rsplit("/", 1)[-1]
        usual = {
            "completions": chat_answer,
            "responses": responses_answer,
            "messages": messages_answer,
        }
        answer = self.answers[kind] if kind in self.answers else usual[kind]()
        content = json.dumps(answer).encode()
        headers = {"content-type": "application/json", "request-id": "r", "x-request-id": "r"}
        if self.gzipped:
            content, headers = gzip.compress(content), {**headers, "content-encoding": "gzip"}
        reply(handler, 200, content, headers)

    def _stream(self, handler: BaseHTTPRequestHandler, path: str, asked: Any) -> None:
        if path.endswith("/chat/completions"):
            options = asked.get("stream_options") or {}
            events = chat_events(with_usage=bool(options.get("include_usage")))
        else:
            events = responses_events() if path.endswith("/responses") else messages_events()
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for number, (name, event) in enumerate(events):
            if number == self.hold_after:
                self.release.wait(WAIT_S)
            if number == self.broken_after:
                handler.close_connection = True
                return
            text = event if isinstance(event, str) else json.dumps(event)
            prefix = f"event: {name}\n" if name else ""
            content = f"{prefix}data: {text}\n\n".encode()
            handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")


@dataclass
class Reply:
    """What a `Wire` answers a request with.

    Attributes:
        content: The body, or the pieces of one; before a piece that is None the server waits for
            `release`, and at one that is "break" it breaks off.
    """

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class Wire(Server):
    """Answers each request with the next of its replies, as bytes.

    Attributes:
        replies: What to answer, in order; the last one is kept for all that follow.
        requests: Path, headers in lower case, and body of each request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.release = threading.Event()

    def say(self, answer: Any, status: int = 200, **headers: str) -> None:
        """Answer with JSON from the next request on."""
        said = {"content-type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies.append(Reply(json.dumps(answer).encode(), status, said))

    def stream(self, pieces: list[Any], kind: str = "text/event-stream") -> None:
        """Answer with a body in pieces from the next request on."""
        self.replies.append(Reply(pieces, 200, {"content-type": kind}))

    def events(self, events: list[Any], *, done: bool = False) -> None:
        """Answer with server-sent events from the next request on."""
        pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
        self.stream([*pieces, *([b"data: [DONE]\n\n"] if done else [])])

    def close(self) -> None:
        self.release.set()
        super().close()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append((handler.path, headers, body))
        said = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(said.content, bytes):
            reply(handler, said.status, said.content, said.headers)
            return
        handler.send_response(said.status)
        for name, value in {**said.headers, "transfer-encoding": "chunked"}.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in said.content:
            if piece is None:
                self.release.wait(WAIT_S)
            elif piece == "break":
                handler.close_connection = True
                return
            else:
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")


@dataclass
class Span:
    """A span as the collector got it."""

    name: str
    kind: int
    attributes: dict[str, Any]
    status_code: int
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_time_ns: int
    end_time_ns: int
    resource: dict[str, Any] = field(default_factory=dict)
    scope: str = ""


def value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    return getattr(value, kind)


def attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: value_of(pair.value) for pair in pairs}


class Collector(Server):
    """Keeps the OTLP requests that it takes.

    Attributes:
        statuses: Statuses of the next answers, with their headers, before those that succeed.
        rejected: Spans that it says not to keep, of the next request.
        requests: Raw bodies, also of those that it refused.
        headers: Headers of the last request.
        spans: Spans of the program's doing.
        reports: Spans that say what the SDK lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[tuple[int, dict[str, str]]] = []
        self.rejected = 0
        self.requests: list[bytes] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.spans: list[Span] = []
        self.reports: list[Span] = []

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.requests.append(body)
        self.paths.append(handler.path)
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        if self.statuses:
            status, headers = self.statuses.pop(0)
            reply(handler, status, b"", headers)
            return
        said = ExportTraceServiceResponse()
        if self.rejected:
            said.partial_success.rejected_spans = self.rejected
            self.rejected = 0
        for span in spans_of(gzip.decompress(body)):
            (self.reports if span.name == "tollbook.report" else self.spans).append(span)
        reply(handler, 200, said.SerializeToString(), {"content-type": "application/x-protobuf"})


def spans_of(request: bytes) -> Iterator[Span]:
    for resource_spans in ExportTraceServiceRequest.FromString(request).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Span(
                    span.name,
                    span.kind,
                    attributes_of(span.attributes),
                    span.status.code,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    attributes_of(resource_spans.resource.attributes),
                    scope_spans.scope.name,
                )


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = Wire()
    yield server
    server.close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that this process sends to, with nothing left over from other tests."""
    monkeypatch.setattr(PROCESS, "exporter", None)
    monkeypatch.setattr(PROCESS, "losses", Losses())
    monkeypatch.setattr(PROCESS, "_made", {})
    monkeypatch.setattr(PROCESS, "_ledgers", None)
    for name in [name for name in os.environ if name.startswith(("OTEL_", "TOLLBOOK_"))]:
        monkeypatch.delenv(name)
    server = Collector()
    tollbook.instrument(service="tests", endpoint=server.url)
    yield server
    if PROCESS.exporter is not None:
        # It goes on trying for as long as this process lives, and the port is soon another's.
        settings = PROCESS.exporter.settings
        PROCESS.exporter.settings = replace(settings, traces_url=NOWHERE, limits_url=NOWHERE)
    server.close()


@pytest.fixture
def delivered(collector: Collector) -> Callable[[], list[Span]]:
    """Flush, and return what the collector has; all of it, without a fault of ours."""

    def spans() -> list[Span]:
        flushed = tollbook.flush(WAIT_S)

        assert flushed.queued == 0
        assert sum(flushed.lost.values()) == 0
        return collector.spans

    return spans


@pytest.fixture
def openai_client(provider: Provider) -> "Iterator[openai.OpenAI]":
    import openai

    with openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_openai_client(provider: Provider) -> Any:
    import openai

    url = f"{provider.url}/v1"
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(provider: Provider) -> "Iterator[anthropic.Anthropic]":
    import anthropic

    with anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_anthropic_client(provider: Provider) -> Any:
    import anthropic

    url = provider.url
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
        yield client


@pytest.fixture
def run_python(
    collector: Collector, provider: Provider
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program of its own; it finds the servers' URLs in COLLECTOR and PROVIDER."""

    def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TOLLBOOK_"))}
        urls = {"COLLECTOR": collector.url, "PROVIDER": provider.url}
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={**clean, **urls, **environment},
            capture_output=True,
            text=True,
            timeout=float(os.environ.get("STRESS_TIMEOUT_S", "300")),
            check=False,
        )

    return run
