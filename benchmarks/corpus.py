"""Requests of agent runs as six instrumentations write them, with prompts and answers.

Each run is a resource of its own with two to ten spans, which is the dearest form to read. Texts
are slices of one long stream of words, a few of them frequent, so that they compress about as prose
does. The same seed gives the same bytes.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from isal import igzip
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DIALECTS = ("opentelemetry", "older", "openinference", "openllmetry", "vercel", "langfuse")
MODELS = [
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5"),
    ("openai", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("gcp.gemini", "gemini-2.5-flash"),
]
TEAMS = ["search", "support", "platform", "growth"]
TEXT_CHARS = 400
WORDS = 4_000
STREAM_WORDS = 300_000
# Of an id, replaced by the number of the request.
MARK_BYTES = 4
GZIP_LEVEL = 1
# 2026-11-20 12:00 UTC.
STARTED_NS = 1_795_176_000_000_000_000


def requests(draw: random.Random, count: int, spans: int) -> Iterator[bytes]:
    """Yield export requests of so many spans each, uncompressed."""
    text = _stream(draw)
    for _ in range(count):
        message = ExportTraceServiceRequest()
        left = spans
        while left > 0:
            left -= _add_run(message, draw, text, left)
        yield message.SerializeToString()


class Endless:
    """Requests without end, no span twice: few are made, others get new ids.

    A span that is sent again is a copy, and copies are work of another kind: what is sent round and
    round measures that.

    Args:
        seed: The same gives the same bytes.
        distinct: Requests that are made.
        spans: In each.
    """

    def __init__(self, seed: int, distinct: int, spans: int) -> None:
        bodies = list(requests(random.Random(seed), distinct, spans))
        self._templates = [(body, _places(body)) for body in bodies]

    def __call__(self, number: int) -> bytes:
        """Return the request of that number, from 0 on."""
        return igzip.compress(self.uncompressed(number), GZIP_LEVEL)

    def uncompressed(self, number: int) -> bytes:
        """Return the request of that number as it is before it is compressed."""
        body, places = self._templates[number % len(self._templates)]
        renumbered, mark = bytearray(body), number.to_bytes(MARK_BYTES, "big")
        for place in places:
            renumbered[place : place + MARK_BYTES] = mark
        return bytes(renumbered)


def _places(body: bytes) -> list[int]:
    """Return where ids of traces and spans begin in a request."""
    message = ExportTraceServiceRequest.FromString(body)
    spans = [
        span
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    ids = {span.trace_id for span in spans} | {span.span_id for span in spans}
    return [found.start() for each in ids for found in re.finditer(re.escape(each), body)]


def _stream(draw: random.Random) -> str:
    letters = "etaoinshrdlucmfw"
    words = [
        "".join(draw.choices(letters, range(len(letters), 0, -1), k=draw.randint(2, 9)))
        for _ in range(WORDS)
    ]
    weights = [1 / (rank + 3) for rank in range(WORDS)]
    return " ".join(draw.choices(words, weights, k=STREAM_WORDS))


def _slice(draw: random.Random, text: str, mean: int) -> str:
    length = min(50_000, int(draw.lognormvariate(0, 0.8) * mean * 0.73) + 8)
    start = draw.randrange(len(text) - length)
    return text[start : start + length]


def _add_run(message: Any, draw: random.Random, text: str, limit: int) -> int:
    """Add an agent run and return how many spans it has."""
    dialect, team = draw.choice(DIALECTS), draw.choice(TEAMS)
    resource_spans = message.resource_spans.add()
    _put(
        resource_spans.resource,
        {
            "service.name": f"{team}-{draw.choice(['api', 'worker'])}",
            "service.version": "1.4.0",
            "deployment.environment.name": "production",
            "telemetry.sdk.language": "python",
            "host.name": f"node-{draw.randrange(200)}",
        },
    )
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = f"bench.{dialect}", "1.0"
    trace_id, user, session = (
        draw.randbytes(16),
        f"u{draw.randrange(5000)}",
        draw.randbytes(6).hex(),
    )
    root = scope_spans.spans.add(trace_id=trace_id, span_id=draw.randbytes(8), kind=1)
    root.name, root.start_time_unix_nano = "invoke_agent answer", STARTED_NS
    _put(root, {"gen_ai.operation.name": "invoke_agent", "session.id": session, "user.id": user})
    steps = min(limit - 1, draw.choice((1, 1, 2, 3, 4, 6, 9)))
    at = STARTED_NS
    for step in range(steps):
        span = scope_spans.spans.add(
            trace_id=trace_id, span_id=draw.randbytes(8), parent_span_id=root.span_id
        )
        span.start_time_unix_nano = at
        at += int(draw.lognormvariate(0, 0.7) * 9e8)
        span.end_time_unix_nano = at
        if step % 3 == 2:
            span.name = "execute_tool search"
            _put(span, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
            continue
        provider, model = draw.choice(MODELS)
        span.name, span.kind = f"chat {model}", 3
        question, answer = _slice(draw, text, TEXT_CHARS), _slice(draw, text, TEXT_CHARS // 2)
        numbers = (draw.randrange(5, 4_000), draw.randrange(1, 900))
        values = _call(dialect, provider, model, numbers, question, answer)
        _put(span, {**values, "user.id": user, "session.id": session})
        if draw.random() < 0.02:
            span.status.code = 2  # type: ignore[assignment]
            _put(span.events.add(name="exception"), {"exception.type": "RateLimitError"})
    root.end_time_unix_nano = at
    return steps + 1


def _call(
    dialect: str, provider: str, model: str, tokens: tuple[int, int], question: str, answer: str
) -> dict[str, Any]:
    """Return the attributes of a call as a dialect names them."""
    used, made = tokens
    cached = used // 2 if used % 3 == 0 else 0
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": question}]}])
    said = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": answer}]}])
    match dialect:
        case "opentelemetry":
            return {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                "gen_ai.response.model": model,
                "gen_ai.usage.input_tokens": used,
                "gen_ai.usage.cache_read.input_tokens": cached,
                "gen_ai.usage.output_tokens": made,
                "gen_ai.request.temperature": 0.7,
                "gen_ai.response.finish_reasons": ["stop"],
                "server.address": "api.example.com",
                "gen_ai.input.messages": asked,
                "gen_ai.output.messages": said,
            }
        case "older":
            return {
                "gen_ai.system": provider,
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": model,
                "gen_ai.usage.prompt_tokens": used,
                "gen_ai.usage.completion_tokens": made,
                "gen_ai.request.top_p": 1.0,
            }
        case "openinference":
            return {
                "openinference.span.kind": "LLM",
                "llm.provider": provider,
                "llm.model_name": model,
                "llm.token_count.prompt": used,
                "llm.token_count.prompt_details.cache_read": cached,
                "llm.token_count.completion": made,
                "llm.token_count.total": used + made,
                "input.value": question,
                "llm.input_messages.0.message.content": question,
                "output.value": answer,
                "metadata": json.dumps({"team": "search"}),
            }
        case "openllmetry":
            return {
                "traceloop.span.kind": "llm",
                "llm.request.type": "chat",
                "gen_ai.system": provider,
                "gen_ai.request.model": model,
                "gen_ai.usage.prompt_tokens": used,
                "gen_ai.usage.completion_tokens": made,
                "llm.usage.total_tokens": used + made,
                "llm.is_streaming": False,
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": question,
                "gen_ai.completion.0.content": answer,
            }
        case "vercel":
            return {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.id": model,
                "ai.model.provider": f"{provider}.chat",
                "ai.usage.promptTokens": used,
                "ai.usage.completionTokens": made,
                "ai.usage.cachedInputTokens": cached,
                "ai.response.finishReason": "stop",
                "ai.prompt.messages": asked,
                "ai.response.text": answer,
            }
    usage = {"input": used, "output": made, "cache_read_input_tokens": cached}
    return {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": model,
        "langfuse.observation.usage_details": json.dumps(usage),
        "langfuse.trace.tags": ["chat"],
        "langfuse.observation.input": asked,
        "langfuse.observation.output": said,
    }


def _put(target: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        holder = target.attributes.add(key=key).value
        match value:
            case bool():
                holder.bool_value = value
            case int():
                holder.int_value = value
            case float():
                holder.double_value = value
            case list():
                for element in value:
                    holder.array_value.values.add().string_value = element
            case _:
                holder.string_value = value
