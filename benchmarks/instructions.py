"""The work that tollbook adds to a model call, counted in instructions, beside a bare span's.

A count is the same on a busy machine and on an idle one, which no clock is. Valgrind runs a process
in which each block of calls of the real clients is counted by itself, on the calling thread alone:
with the libraries as they are (A), metered (B), and inside of a span of fifteen attributes that
OpenTelemetry's BatchSpanProcessor takes (C). What is printed is B - A and C - A, for a call, and A
again at the end (A'), which says how exact a count is. What the collector of garbage does for what
was left behind is in no block: it is called before each. Answers come from inside of the process.

It needs valgrind, and takes about ten minutes of CPU: `make instructions`.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from overhead import CHUNKS, WORDS, chat_answer, chat_stream, message_answer, message_stream, sse

CALLS: Final = 20  # in a block
WARM_CALLS: Final = 12  # before each, so that all is imported, remembered and specialised
TOGGLE: Final = "sys_call_tracing"  # the C function that a block runs in, and nothing else does
DEADLINE_S: Final = 3000.0
Call = Callable[[], object]
ARMS: Final = ("A", "B", "C", "A'")


def responses_answer() -> dict[str, Any]:
    """Return a response of OpenAI's newer interface."""
    text = {"type": "output_text", "text": WORDS, "annotations": []}
    message = {"type": "message", "id": "m", "status": "completed", "role": "assistant"}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-4o-2024-08-06",
        "output": [{**message, "content": [text]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": {
            "input_tokens": 1207,
            "input_tokens_details": {"cached_tokens": 1031},
            "output_tokens": 153,
            "output_tokens_details": {"reasoning_tokens": 67},
            "total_tokens": 1360,
        },
    }


def embeddings_answer() -> dict[str, Any]:
    """Return an embedding of 256 numbers."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.25] * 256}]
    usage = {"prompt_tokens": 19, "total_tokens": 19}
    return {"object": "list", "model": "text-embedding-3-small", "data": data, "usage": usage}


def gemini_answer() -> dict[str, Any]:
    """Return content of the Gemini API."""
    content = {"role": "model", "parts": [{"text": WORDS}]}
    usage = {"promptTokenCount": 1201, "candidatesTokenCount": 149, "totalTokenCount": 1350}
    return {
        "candidates": [{"content": content, "finishReason": "STOP"}],
        "modelVersion": "gemini-2.5-flash-001",
        "responseId": "r-1",
        "usageMetadata": usage,
    }


def converse_answer() -> dict[str, Any]:
    """Return an answer of Bedrock's Converse."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": WORDS}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1207, "outputTokens": 153, "totalTokens": 1360},
        "metrics": {"latencyMs": 1},
    }


def responses_stream() -> list[bytes]:
    """Return the events of a response."""
    whole = responses_answer()
    delta = {
        "item_id": "m",
        "output_index": 0,
        "content_index": 0,
        "delta": "word ",
        "logprobs": [],
    }
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": {**whole, "status": "in_progress", "usage": None}}),
        *(("response.output_text.delta", delta) for _ in range(CHUNKS)),
        ("response.completed", {"response": whole}),
    ]
    return [
        sse(kind, {**said, "sequence_number": number}) for number, (kind, said) in enumerate(kinds)
    ]


def answer_to(path: str, streamed: bool) -> tuple[bytes, list[bytes] | None]:
    """Return what a request to a path is answered with: a body, or the events of a stream."""
    if path.endswith("/messages"):
        return json.dumps(message_answer()).encode(), list(message_stream()) if streamed else None
    if path.endswith("/responses"):
        return json.dumps(responses_answer()).encode(), responses_stream() if streamed else None
    if path.endswith("/embeddings"):
        return json.dumps(embeddings_answer()).encode(), None
    if "generateContent" in path:
        return json.dumps(gemini_answer()).encode(), None
    return json.dumps(chat_answer()).encode(), list(chat_stream()) if streamed else None


def canned(http: Any) -> tuple[Any, Any]:
    """Return transports, sync and async, of `httpx` or `httpx2` that answer from memory."""
    known: dict[tuple[str, bool], tuple[bytes, list[bytes] | None]] = {}

    def content_for(request: Any, streamed: bool) -> tuple[bytes, list[bytes] | None]:
        key = request.url.path, streamed
        if key not in known:
            known[key] = answer_to(*key)
        return known[key]

    async def each(pieces: list[bytes]) -> Any:
        for piece in pieces:
            yield piece

    class Canned(http.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            whole, events = content_for(request, b'"stream":true' in request.read())
            kind = {"content-type": "text/event-stream" if events else "application/json"}
            return http.Response(200, headers=kind, content=iter(events) if events else whole)

    class AsyncCanned(http.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            whole, events = content_for(request, b'"stream":true' in await request.aread())
            kind = {"content-type": "text/event-stream" if events else "application/json"}
            return http.Response(200, headers=kind, content=each(events) if events else whole)

    return Canned(), AsyncCanned()


def bare(thing: Any, *names: str) -> None:
    """Give an object the methods of its library as they are without tollbook."""
    for name in names:
        setattr(thing, name, getattr(type(thing), name).__wrapped__.__get__(thing))


def calls(metered: bool, loop: asyncio.AbstractEventLoop) -> dict[str, Call]:
    """Return the scenarios, each a function that makes one call.

    Args:
        metered: Whether tollbook meters them; else no library traces itself either.
        loop: Runs the async ones.
    """
    import anthropic
    import httpx2
    import openai

    transport, async_transport = canned(httpx2)
    http = httpx2.Client(transport=transport)
    async_http = httpx2.AsyncClient(transport=async_transport)
    client = openai.OpenAI(api_key="k", http_client=http)
    async_client = openai.AsyncOpenAI(api_key="k", http_client=async_http)
    option: Any = {} if metered else {"open_telemetry": False}
    claude = anthropic.Anthropic(api_key="k", http_client=http, **option)
    if not metered:
        bare(client, "request")
        bare(async_client, "request")
        bare(claude, "request")
    said: Any = [{"role": "user", "content": WORDS}] * 3
    ask: Any = {"model": "gpt-4o", "messages": said, "max_tokens": 256}
    streamed: Any = {**ask, "stream": True, "stream_options": {"include_usage": True}}
    ask_claude: Any = {**ask, "model": "claude-sonnet-4-6"}
    chat, achat = client.chat.completions, async_client.chat.completions

    async def read_all() -> list[Any]:
        return [event async for event in await achat.create(**streamed)]

    def run(coroutine: Callable[[], Coroutine[Any, Any, object]]) -> Call:
        return lambda: loop.run_until_complete(coroutine())

    return {
        "openai chat": lambda: chat.create(**ask),
        "openai chat, async": run(lambda: achat.create(**ask)),
        "openai stream of 50": lambda: list(chat.create(**streamed)),
        "openai stream, async": run(read_all),
        "openai responses": lambda: client.responses.create(model="gpt-4o", input=WORDS),
        "openai responses stream": lambda: list(
            client.responses.create(model="gpt-4o", input=WORDS, stream=True)
        ),
        "openai embeddings": lambda: client.embeddings.create(
            model="text-embedding-3-small", input=WORDS, encoding_format="float"
        ),
        "anthropic message": lambda: claude.messages.create(**ask_claude),
        "anthropic stream of 50": lambda: list(claude.messages.create(**ask_claude, stream=True)),
        "google content": lazily(lambda: google(metered)),
        "bedrock converse": lazily(lambda: bedrock(metered)),
    }


def lazily(make: Callable[[], Call]) -> Call:
    """Return what a function makes, which is made when it is first called."""
    made: list[Call] = []

    def call() -> object:
        if not made:
            made.append(make())
        return made[0]()

    return call


def google(metered: bool) -> Call:
    """Return a function that asks Gemini."""
    import httpx
    from google import genai

    http = httpx.Client(transport=canned(httpx)[0])
    options: Any = {"httpx_client": http, "retry_options": {"attempts": 1}}
    client = genai.Client(api_key="k", http_options=options)
    if not metered:
        bare(client._api_client, "request", "_request_once")
    return lambda: client.models.generate_content(model="gemini-2.5-flash", contents=WORDS)


def bedrock(metered: bool) -> Call:
    """Return a function that asks Bedrock."""
    import boto3
    from botocore.awsrequest import AWSResponse

    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "k", "region_name": "us-east-1"}
    client: Any = boto3.client("bedrock-runtime", **keys)
    content = json.dumps(converse_answer()).encode()

    class Raw:
        def stream(self, **_: object) -> list[bytes]:
            return [content]

    def answered(**_: object) -> AWSResponse:
        return AWSResponse("https://x", 200, {"content-type": "application/json"}, Raw())

    client.meta.events.register("before-send.bedrock-runtime", answered)
    if not metered:
        bare(client, "_make_api_call")
    said: Any = [{"role": "user", "content": [{"text": WORDS}]}]
    return lambda: client.converse(modelId="amazon.nova-lite-v1:0", messages=said)


def tracer() -> Any:
    """Return a tracer of OpenTelemetry's SDK with its usual processor, and nobody to send to."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("floor")


def work(names: list[str]) -> None:
    """Run the blocks; valgrind writes what each took when it ends."""
    import tollbook

    logging.disable()  # nobody takes the spans
    tollbook.instrument(service="benchmark", endpoint="http://127.0.0.1:9")
    loop = asyncio.new_event_loop()
    plain, metered, spans = calls(False, loop), calls(True, loop), tracer()
    attributes = {f"gen_ai.attribute.{number}": f"value {number}" for number in range(15)}

    def in_a_span(call: Call) -> Call:
        def spanned() -> object:
            with spans.start_as_current_span("chat", attributes=attributes):
                return call()

        return spanned

    for name in names or plain:
        call = plain[name]
        for arm in (call, metered[name], in_a_span(call), call):
            for _ in range(WARM_CALLS):
                arm()
            gc.collect()
            gc.disable()
            sys.call_tracing(block, (arm,))
            gc.enable()
        print(name, flush=True)
    os._exit(0)


def block(call: Call) -> None:
    """Make the calls of a block."""
    for _ in range(CALLS):
        call()


def counts(folder: Path) -> list[int]:
    """Return the instructions of each block, in the order in which they ended."""
    found: list[tuple[int, int]] = []
    for path in folder.glob("block.*"):
        said = dict(re.findall(r"^(part|summary|desc: Trigger): (.+)$", path.read_text(), re.M))
        if said["desc: Trigger"].startswith("--dump-after"):
            found.append((int(said["part"]), int(said["summary"])))
    return [total for _, total in sorted(found)]


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", help="some of them; default all")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.scenarios)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind is missing; install it, as by `apt-get install valgrind`")
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [
                *(
                    valgrind,
                    "--tool=callgrind",
                    "--collect-atstart=no",
                    f"--toggle-collect={TOGGLE}",
                ),
                *(f"--dump-after={TOGGLE}", f"--callgrind-out-file={folder}/block"),
                *(sys.executable, __file__, "--work", *asked.scenarios),
            ],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        blocks = counts(Path(folder))
        names = [line for line in ran.stdout.splitlines() if not line.startswith("==")]
        print(ran.stdout if len(blocks) < len(ARMS) * len(names) or not names else "", end="")
    print(f"thousands of instructions of a call, of blocks of {CALLS}, on the calling thread")
    print(f"{'':24} {'without':>9} {'tollbook adds':>14} {'a bare span adds':>17} {'again':>9}")
    for number, name in enumerate(names):
        plain, metered, spanned, again = (
            count / CALLS / 1e3 for count in blocks[number * len(ARMS) :][: len(ARMS)]
        )
        print(
            f"{name:24} {plain:9.1f} {metered - plain:+14.1f} {spanned - plain:+17.1f}"
            f" {again - plain:+9.1f}"
        )


if __name__ == "__main__":
    main()
