"""What tollbook adds to a model call, beside what a bare span of OpenTelemetry's SDK adds.

In one process, short blocks of calls of the real clients run in turn with the libraries' own
request method (A), with the metered one (B), and with the own one inside a span of fifteen
attributes that a BatchSpanProcessor exports (C): A B A C A …; every call is clocked, by the CPU
time of the calling thread, which other programs disturb least (`--clock wall`: on the wall).
The program has a TracerProvider of its own, so anthropic's own tracing is at work where tollbook
meters, which takes its place; where tollbook does not meter it is switched off.
Nothing leaves the machine: answers come from a transport inside the process, spans go to a
collector on loopback. Prints medians in microseconds, then what the export thread needs for a span,
what importing takes, and how long a process takes to end while the collector is down. Ends in about
a minute; `--rounds N` for more or fewer blocks.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import tollbook

ROUNDS: Final = 100
CALLS_PER_BLOCK: Final = 10
TIME_MAX_S: Final = 36.0
SCENARIOS: Final = ("openai chat", "openai chat stream", "anthropic message", "anthropic stream")
WORDS: Final = "the overhead of a call is what is added on the thread of its caller " * 4
CHUNKS: Final = 50


def chat_answer() -> dict[str, Any]:
    """Return a chat completion."""
    message = {"role": "assistant", "content": WORDS, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 1207,
            "completion_tokens": 153,
            "total_tokens": 1360,
            "prompt_tokens_details": {"cached_tokens": 1031},
            "completion_tokens_details": {"reasoning_tokens": 67},
        },
        "service_tier": "default",
    }


def chat_stream() -> Iterator[bytes]:
    """Return the events of a chat completion."""
    whole = chat_answer()
    usual = {**whole, "object": "chat.completion.chunk", "usage": None}
    for number in range(CHUNKS):
        end = "stop" if number == CHUNKS - 1 else None
        choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": end}
        yield sse(None, {**usual, "choices": [choice]})
    yield sse(None, {**usual, "choices": [], "usage": whole["usage"]})
    yield b"data: [DONE]\n\n"


def message_answer() -> dict[str, Any]:
    """Return a message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": WORDS}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 211,
            "cache_creation_input_tokens": 307,
            "cache_read_input_tokens": 1013,
            "output_tokens": 173,
            "service_tier": "standard",
        },
    }


def message_stream() -> Iterator[bytes]:
    """Return the events of a message."""
    start = {**message_answer(), "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": "word "}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield sse("message_start", {"message": start})
    yield sse("content_block_start", {"index": 0, "content_block": block})
    for _ in range(CHUNKS):
        yield sse("content_block_delta", {"index": 0, "delta": delta})
    yield sse("content_block_stop", {"index": 0})
    yield sse("message_delta", {"delta": end, "usage": {"output_tokens": 173}})
    yield sse("message_stop", {})


def sse(name: str | None, event: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    if name is None:
        return b"data: " + json.dumps(event).encode() + b"\n\n"
    content = json.dumps({"type": name, **event}).encode()
    return b"event: " + name.encode() + b"\ndata: " + content + b"\n\n"


def calls(metered: bool) -> dict[str, Callable[[], object]]:
    """Return the scenarios, each a function that makes one call.

    Args:
        metered: Whether tollbook meters them; else no library traces itself either.
    """
    import anthropic
    import httpx2
    import openai

    whole = {"chat": json.dumps(chat_answer()), "messages": json.dumps(message_answer())}
    streams = {"chat": list(chat_stream()), "messages": list(message_stream())}

    class Canned(httpx2.BaseTransport):
        def handle_request(self, request: Any) -> Any:
            """Answer from memory."""
            kind = "messages" if request.url.path.endswith("/messages") else "chat"
            if b'"stream":true' in request.read():
                headers = {"content-type": "text/event-stream"}
                return httpx2.Response(200, headers=headers, content=iter(streams[kind]))
            headers = {"content-type": "application/json"}
            return httpx2.Response(200, headers=headers, content=whole[kind])

    http = httpx2.Client(transport=Canned())
    option: Any = {} if metered else {"open_telemetry": False}
    clients: list[Any] = [
        openai.OpenAI(api_key="k", http_client=http),
        anthropic.Anthropic(api_key="k", http_client=http, **option),
    ]
    for client in clients if not metered else []:
        client.request = type(client).request.__wrapped__.__get__(client)
    chat, messages = clients[0].chat.completions, clients[1].messages
    said: Any = [{"role": "user", "content": WORDS}] * 3
    ask: Any = {"model": "gpt-4o", "messages": said, "max_tokens": 256}
    ask_claude: Any = {**ask, "model": "claude-sonnet-4-6"}
    usage: Any = {"include_usage": True}
    return {
        "openai chat": lambda: chat.create(**ask),
        "openai chat stream": lambda: list(chat.create(**ask, stream=True, stream_options=usage)),
        "anthropic message": lambda: messages.create(**ask_claude),
        "anthropic stream": lambda: list(messages.create(**ask_claude, stream=True)),
    }


class Taker(BaseHTTPRequestHandler):
    """A collector that takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer that it is taken."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def tracer_of(url: str) -> Any:
    """Return a tracer of OpenTelemetry's SDK with its usual exporter, made the global one."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("floor")


def compare(rounds: int, clock: Callable[[], int]) -> None:
    """Run blocks with the libraries as they are, as tollbook meters them, and in a bare span."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tollbook.instrument(service="benchmark", endpoint=f"http://127.0.0.1:{server.server_port}")
    bare, metered = calls(metered=False), calls(metered=True)
    tracer = tracer_of(f"http://127.0.0.1:{server.server_port}")
    attributes = {f"gen_ai.attribute.{number}": f"value {number}" for number in range(15)}

    def in_a_span(call: Callable[[], object]) -> Callable[[], object]:
        def spanned() -> object:
            with tracer.start_as_current_span("chat", attributes=attributes):
                return call()

        return spanned

    def block(call: Callable[[], object]) -> float:
        clocks_ns = []
        for _ in range(CALLS_PER_BLOCK):
            began_ns = clock()
            call()
            clocks_ns.append(clock() - began_ns)
        return statistics.median(clocks_ns) / 1e3

    print(f"microseconds per call: medians of blocks of {CALLS_PER_BLOCK} calls, A B A C A …")
    print(f"{'':20} {'without':>9} {'tollbook adds':>14} {'a bare span adds':>17} {'rounds':>7}")
    for name in SCENARIOS:
        deadline = time.monotonic() + TIME_MAX_S / len(SCENARIOS)
        call = bare[name]
        arms = (metered[name], in_a_span(call))
        for arm in arms:
            block(arm)
        without_us = [block(call)]
        added_us: tuple[list[float], list[float]] = ([], [])
        while len(added_us[1]) < rounds and time.monotonic() < deadline:
            for arm, added in zip(arms, added_us, strict=True):
                took_us = block(arm)
                without_us.append(block(call))
                # Against the mean of its two neighbours, so that drift cancels.
                added.append(took_us - (without_us[-1] + without_us[-2]) / 2)
        ours_us, span_us = (statistics.median(added) for added in added_us)
        print(
            f"{name:20} {statistics.median(without_us):9.0f} {ours_us:+14.1f} {span_us:+17.1f}"
            f" {len(added_us[0]):7}"
        )
    flushed = tollbook.flush(5.0)
    print(f"delivered {flushed.delivered}, queued {flushed.queued}, dropped {flushed.dropped}")
    server.shutdown()
    print_encoding()
    print_imports()
    print_exits()


def print_encoding() -> None:
    """Print what the export thread needs for a span, ours and by protobuf's own messages."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tollbook.clients.openai import APIS
    from tollbook.export import Exporter
    from tollbook.meter import Asked, Observation
    from tollbook.price import RATES_PATH, PriceBook
    from tollbook.reading import read
    from tollbook.settings import read_settings
    from tollbook.span import span_attributes, span_bytes
    from tollbook.tally import Losses

    class BaseUrl:
        host, scheme, port = "api.openai.com", "https", None

    losses = Losses()
    api = APIS["/chat/completions"]
    observation = Observation(api, Asked("gpt-4o"), BaseUrl(), Exporter(read_settings({}), losses))
    observation.keep(api.answer(chat_answer()))
    prices = PriceBook(RATES_PATH, losses)
    call = read(observation, {})
    cost = prices.cost(call)

    def by_messages() -> bytes:
        pairs = []
        for key, value in span_attributes(call, cost):
            if value is None:
                continue
            if isinstance(value, str):
                said = AnyValue(string_value=value)
            elif isinstance(value, bool):
                said = AnyValue(bool_value=value)
            elif isinstance(value, int):
                said = AnyValue(int_value=value)
            elif isinstance(value, float):
                said = AnyValue(double_value=value)
            else:
                said = AnyValue()
                said.array_value.values.extend(AnyValue(string_value=item) for item in value)
            pairs.append(KeyValue(key=key, value=said))
        span = Span(
            trace_id=call.trace_id,
            span_id=call.span_id,
            name="chat gpt-4o",
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=call.start_time_ns,
            end_time_unix_nano=call.end_time_ns,
            attributes=pairs,
        )
        return bytes(span.SerializeToString())

    assert len(by_messages()) == len(span_bytes(call, cost, losses))
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read(observation, {}),
        "price": lambda: prices.cost(call),
        "encode": lambda: span_bytes(call, cost, losses),
        "encode by protobuf's messages": by_messages,
    }
    print("export thread, microseconds per span (medians)")
    for name, step in steps.items():
        clocks = []
        for _ in range(2000):
            began_ns = time.perf_counter_ns()
            step()
            clocks.append(time.perf_counter_ns() - began_ns)
        print(f"{name:30} {statistics.median(clocks) / 1e3:8.1f}")


def print_imports() -> None:
    """Print the CPU time that imports take in a process of their own, the least of five."""
    print("import, milliseconds of CPU (least of 5)")
    both = "opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter"
    for name in ("tollbook", both):
        program = f"import time; a=time.process_time(); import {name}; print(time.process_time()-a)"
        command = [sys.executable, "-c", program]
        took_s = [float(subprocess.check_output(command)) for _ in range(5)]
        print(f"{name.split('.')[0]:30} {min(took_s) * 1e3:8.1f}")


EXITING: Final = """
import sys, time
import openai, tollbook
if sys.argv[1]:
    tollbook.instrument(endpoint=sys.argv[1])
for _ in range(20):
    with tollbook.call(provider="local", model="m") as call:
        call.usage(input_tokens=1, output_tokens=1)
print(time.time(), flush=True)
"""


def print_exits() -> None:
    """Print how long a process takes to end, with a collector that refuses and one that hangs."""
    print("exit after 20 calls, seconds on the wall (least of 3)")
    with socket.socket() as refusing, socket.socket() as hanging:
        refusing.bind(("127.0.0.1", 0))
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        for name, end in (("not metered", None), ("refused", refusing), ("hung", hanging)):
            url = f"http://127.0.0.1:{end.getsockname()[1]}" if end is not None else ""
            took_s = []
            for _ in range(3):
                command = [sys.executable, "-c", EXITING, url]
                ended = subprocess.run(command, capture_output=True, check=True)
                took_s.append(time.time() - float(ended.stdout))
            print(f"{name:30} {min(took_s):8.2f}")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    asked = parser.parse_args()
    compare(asked.rounds, time.thread_time_ns if asked.clock == "cpu" else time.perf_counter_ns)


if __name__ == "__main__":
    main()
