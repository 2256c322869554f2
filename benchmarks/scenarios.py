"""Calls of the real client libraries, answered from memory: what the benchmarks of the SDK make.

Each scenario is there as its library has it, and metered by tollbook. Nothing leaves the machine.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Final

WORDS: Final = "the overhead of a call is what is added on the thread of its caller " * 4
CHUNKS: Final = 50
Call = Callable[[], object]


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


def gemini_stream() -> list[bytes]:
    """Return the chunks of content, of which each says the usage so far."""
    whole = gemini_answer()
    said = {"content": {"role": "model", "parts": [{"text": "word "}]}}
    chunks = [sse(None, {**whole, "candidates": [said]})] * (CHUNKS - 1)
    return [*chunks, sse(None, {**whole, "candidates": [{**said, "finishReason": "STOP"}]})]


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
    if "streamGenerateContent" in path:
        return b"", gemini_stream()
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
        method = getattr(type(thing), name)
        setattr(thing, name, getattr(method, "__wrapped__", method).__get__(thing))


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

    async def read_all() -> None:
        async for _ in await achat.create(**streamed):
            pass

    def run(coroutine: Callable[[], Coroutine[Any, Any, object]]) -> Call:
        return lambda: loop.run_until_complete(coroutine())

    return {
        "openai chat": lambda: chat.create(**ask),
        "openai chat, async": run(lambda: achat.create(**ask)),
        "openai stream of 50": lambda: read(chat.create(**streamed)),
        "openai stream, async": run(read_all),
        "openai responses": lambda: client.responses.create(model="gpt-4o", input=WORDS),
        "openai responses stream": lambda: read(
            client.responses.create(model="gpt-4o", input=WORDS, stream=True)
        ),
        "openai embeddings": lambda: client.embeddings.create(
            model="text-embedding-3-small", input=WORDS, encoding_format="float"
        ),
        "anthropic message": lambda: claude.messages.create(**ask_claude),
        "anthropic stream of 50": lambda: read(claude.messages.create(**ask_claude, stream=True)),
        "google content": lazily(lambda: google(metered)),
        "google stream of 50": lazily(lambda: google(metered, streamed=True)),
        "bedrock converse": lazily(lambda: bedrock(metered)),
    }


def read(events: Iterable[object]) -> None:
    """Read a stream to its end, and hold on to none of its events."""
    for _ in events:
        pass


def lazily(make: Callable[[], Call]) -> Call:
    """Return what a function makes, which is made when it is first called."""
    made: list[Call] = []

    def call() -> object:
        if not made:
            made.append(make())
        return made[0]()

    return call


def google(metered: bool, streamed: bool = False) -> Call:
    """Return a function that asks Gemini."""
    import httpx
    from google import genai

    http = httpx.Client(transport=canned(httpx)[0])
    options: Any = {"httpx_client": http, "retry_options": {"attempts": 1}}
    client = genai.Client(api_key="k", http_options=options)
    if not metered:
        bare(client._api_client, "request", "request_streamed", "_request_once")
    ask: Any = {"model": "gemini-2.5-flash", "contents": WORDS}
    if streamed:
        return lambda: read(client.models.generate_content_stream(**ask))
    return lambda: client.models.generate_content(**ask)


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
