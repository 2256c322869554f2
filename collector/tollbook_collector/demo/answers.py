"""What the demo's provider says: answers, streams and errors in the forms of the two providers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tollbook_collector.demo.plan import PlannedCall

# The header with which the replay tells what to answer: an `Answer` as JSON.
HEADER: Final = "x-demo-answer"
CREATED_S: Final = 1_700_158_623  # Unix time, of the trace's first call of the coding service
WORDS: Final = ("This", "is", "the", "answer", "of", "a", "local", "provider.")
TEXT: Final = " ".join(WORDS)
# Without the header, as for a program of one's own: about four bytes of a request are a token.
BYTES_PER_TOKEN: Final = 4

# Type and code of OpenAI's errors, and the type of Anthropic's, by status.
OPENAI_ERRORS: Final[Mapping[int, tuple[str, str | None]]] = MappingProxyType(
    {429: ("requests", "rate_limit_exceeded"), 500: ("server_error", None)}
)
ANTHROPIC_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {429: "rate_limit_error", 500: "api_error"}
)
ERROR_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        429: "Too many requests in this minute; this is an error that the demo planned.",
        500: "The model failed; this is an error that the demo planned.",
    }
)

# Name (None: events have none) and content of one event of a stream.
Event = tuple[str | None, Mapping[str, Any] | str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer to one request.

    Attributes:
        number: Makes the ids of the answer.
        input_tokens: Cached ones included.
        cache_read_tokens: Of the input.
        cache_write_tokens: Of the input, for whatever time.
        cache_write_1h_tokens: Of the writes.
        output_tokens: Reasoning included.
        reasoning_tokens: Of the output.
        first_chunk_ms: Milliseconds until the answer begins.
        duration_ms: Milliseconds until it ends.
        error_status: 429 or 500 for an error, else None.
    """

    number: int
    input_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = len(WORDS)
    reasoning_tokens: int = 0
    first_chunk_ms: float = 0.0
    duration_ms: float = 0.0
    error_status: int | None = None


def header_of(call: PlannedCall) -> str:
    """Return the header that tells the provider what a planned call is answered with."""
    return json.dumps({name: getattr(call, name) for name in Answer.__dataclass_fields__})


def answer_for(header: str | None, body: bytes) -> Answer:
    """Return what to answer to a request.

    Args:
        header: From `header_of`, or None for a request that the demo did not make.
        body: The request.
    """
    if header is None:
        return Answer(number=0, input_tokens=max(1, len(body) // BYTES_PER_TOKEN))
    return Answer(**json.loads(header))


def error_body(api: str, answer: Answer) -> dict[str, Any]:
    """Return the body of an error in the provider's form."""
    status = answer.error_status or 500
    if api == "messages":
        error = {"type": ANTHROPIC_ERRORS[status], "message": ERROR_TEXTS[status]}
        return {"type": "error", "error": error, "request_id": f"req_{answer.number}"}
    kind, code = OPENAI_ERRORS[status]
    return {
        "error": {"message": ERROR_TEXTS[status], "type": kind, "param": None, "code": code},
    }


def whole(api: str, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    return {"chat_completions": _chat, "responses": _response, "messages": _message}[api](
        str(asked["model"]), answer
    )


def events(api: str, asked: Mapping[str, Any], answer: Answer) -> Iterator[Event]:
    """Return the events of a streamed answer."""
    model = str(asked["model"])
    if api == "responses":
        return _response_events(model, answer)
    if api == "messages":
        return _message_events(model, answer)
    options = asked.get("stream_options") or {}
    return _chat_events(model, answer, with_usage=bool(options.get("include_usage")))


def _chat_usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat(model: str, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": TEXT, "refusal": None}
    return {
        "id": f"chatcmpl-{answer.number}",
        "object": "chat.completion",
        "created": CREATED_S,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _chat_usage(answer),
        "service_tier": "default",
    }


def _chat_events(model: str, answer: Answer, *, with_usage: bool) -> Iterator[Event]:
    def chunk(
        delta: Mapping[str, str] | None,
        finish_reason: str | None = None,
        usage: Mapping[str, Any] | None = None,
    ) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return None, {
            "id": f"chatcmpl-{answer.number}",
            "object": "chat.completion.chunk",
            "created": CREATED_S,
            "model": model,
            "service_tier": "default",
            "choices": [] if delta is None else [choice],
            "usage": usage,
        }

    yield chunk({"role": "assistant", "content": ""})
    for word in WORDS:
        yield chunk({"content": f"{word} "})
    yield chunk({}, "stop")
    if with_usage:
        yield chunk(None, usage=_chat_usage(answer))
    yield None, "[DONE]"


def _response(model: str, answer: Answer, status: str = "completed") -> dict[str, Any]:
    completed = status == "completed"
    usage = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {
            "cached_tokens": answer.cache_read_tokens,
            "cache_write_tokens": 0,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    return {
        "id": f"resp_{answer.number}",
        "object": "response",
        "created_at": CREATED_S,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [_response_item(answer, _response_part(TEXT))] if completed else [],
        "parallel_tool_calls": True,
        "service_tier": "default" if completed else "auto",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if completed else None,
    }


def _response_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _response_item(answer: Answer, *parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.number}",
        "type": "message",
        "status": "completed" if parts else "in_progress",
        "role": "assistant",
        "content": list(parts),
    }


def _response_events(model: str, answer: Answer) -> Iterator[Event]:
    item = {"output_index": 0}
    part = {**item, "item_id": f"msg_{answer.number}", "content_index": 0}
    started = _response(model, answer, "in_progress")
    said = _response_part(TEXT)
    contents: Sequence[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        {"type": "response.output_item.added", **item, "item": _response_item(answer)},
        {"type": "response.content_part.added", **part, "part": _response_part("")},
        *[
            {"type": "response.output_text.delta", **part, "delta": f"{word} ", "logprobs": []}
            for word in WORDS
        ],
        {"type": "response.output_text.done", **part, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **part, "part": said},
        {"type": "response.output_item.done", **item, "item": _response_item(answer, said)},
        {"type": "response.completed", "response": _response(model, answer)},
    ]
    for sequence_number, content in enumerate(contents):
        yield content["type"], {**content, "sequence_number": sequence_number}


def _message_usage(answer: Answer) -> dict[str, Any]:
    """Return usage as Anthropic counts: its input is without what the cache read or wrote."""
    written_1h = answer.cache_write_1h_tokens
    return {
        "input_tokens": answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens,
        "cache_creation_input_tokens": answer.cache_write_tokens,
        "cache_read_input_tokens": answer.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": answer.cache_write_tokens - written_1h,
            "ephemeral_1h_input_tokens": written_1h,
        },
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"thinking_tokens": answer.reasoning_tokens},
        "service_tier": "standard",
    }


def _message(model: str, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _message_usage(answer),
    }


def _message_events(model: str, answer: Answer) -> Iterator[Event]:
    usage = _message_usage(answer)
    started = {
        **_message(model, answer),
        "content": [],
        "stop_reason": None,
        # Of the output, the first event knows one token; the last one tells the whole.
        "usage": {**usage, "output_tokens": 1, "output_tokens_details": None},
    }
    delta_names = (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
    )
    contents: Sequence[dict[str, Any]] = [
        {"type": "message_start", "message": started},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {"type": "ping"},
        *[
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": f"{word} "},
            }
            for word in WORDS
        ],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {name: usage[name] for name in delta_names},
        },
        {"type": "message_stop"},
    ]
    for content in contents:
        yield content["type"], content
