"""Calls through the real LiteLLM, against a server that speaks the providers' protocols."""

import gc
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from waiting import wait_until

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch one when it is imported
litellm = pytest.importorskip("litellm")
# Of the library itself and of its clients, which it never closes; with -p no:unraisableexception.
pytestmark = pytest.mark.filterwarnings("ignore")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
MESSAGES: Any = [{"role": "user", "content": SECRET}]
USAGE: Any = {"prompt_tokens": 1207, "completion_tokens": 153, "total_tokens": 1360}
MESSAGE: Any = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": SECRET}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 211,
        "output_tokens": 173,
        "cache_read_input_tokens": 1013,
        "cache_creation_input_tokens": 307,
    },
}


def chat() -> dict[str, Any]:
    message = {"role": "assistant", "content": SECRET}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1"}
    return {**said, "choices": [choice], "usage": USAGE}


def message_events() -> list[bytes]:
    start = {**MESSAGE, "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    text = {"type": "text_delta", "text": "x"}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[Any] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 173}},
        {"type": "message_stop"},
    ]
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


def assert_message(span: Any) -> None:
    said = span.attributes
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "anthropic"
    assert said["gen_ai.response.id"] == "msg_1"
    assert said["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert said["gen_ai.usage.output_tokens"] == 173
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_what_goes_through_openais_library_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say(chat())

    litellm.completion("openai/gpt-4o", MESSAGES, api_base=f"{wire.url}/v1", api_key="k")

    (span,) = delivered()
    assert span.name == "chat gpt-4o"
    assert span.attributes["gen_ai.usage.output_tokens"] == 153


async def test_what_goes_through_openais_library_is_one_async_span(
    wire: Any, delivered: Delivered
) -> None:
    wire.say(chat())

    await litellm.acompletion("openai/gpt-4o", MESSAGES, api_base=f"{wire.url}/v1", api_key="k")

    (span,) = delivered()
    assert span.attributes["gen_ai.usage.output_tokens"] == 153


def test_its_own_requests_are_one_span_each(wire: Any, delivered: Delivered) -> None:
    wire.say(MESSAGE)

    said = litellm.completion(
        "anthropic/claude-sonnet-4-6", MESSAGES, api_base=wire.url, api_key="k", max_tokens=256
    )

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert span.name == "chat claude-sonnet-4-6"
    assert_message(span)


async def test_its_own_async_requests_are_one_span_each(wire: Any, delivered: Delivered) -> None:
    wire.say(MESSAGE)

    await litellm.acompletion(
        "anthropic/claude-sonnet-4-6", MESSAGES, api_base=wire.url, api_key="k", max_tokens=256
    )

    (span,) = delivered()
    assert_message(span)


def test_its_own_streams_are_one_span_each(wire: Any, delivered: Delivered) -> None:
    wire.stream(message_events())

    stream = litellm.completion(
        "anthropic/claude-sonnet-4-6",
        MESSAGES,
        api_base=wire.url,
        api_key="k",
        max_tokens=256,
        stream=True,
    )
    list(stream)  # it reads no further than the last delta, and holds the response

    (span,) = delivered()
    assert_message(span)
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


async def test_its_own_async_streams_are_one_span_each(wire: Any, delivered: Delivered) -> None:
    wire.stream(message_events())

    stream = await litellm.acompletion(
        "anthropic/claude-sonnet-4-6",
        MESSAGES,
        api_base=wire.url,
        api_key="k",
        max_tokens=256,
        stream=True,
    )
    async for _ in stream:
        pass

    (span,) = delivered()
    assert_message(span)


def test_an_error_is_recorded_once(wire: Any, delivered: Delivered) -> None:
    wire.say({"type": "error", "error": {"type": "rate_limit_error", "message": SECRET}}, 429)

    with pytest.raises(litellm.RateLimitError):
        litellm.completion(
            "anthropic/claude-sonnet-4-6", MESSAGES, api_base=wire.url, api_key="k", max_retries=0
        )

    (span,) = delivered()
    assert span.status_code == 2
    assert SECRET not in repr(span)


def test_gemini_is_one_span(wire: Any, delivered: Delivered) -> None:
    content = {"role": "model", "parts": [{"text": SECRET}]}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 13, "thoughtsTokenCount": 17}
    usage["totalTokenCount"] = 41
    wire.say({"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage})

    litellm.completion(
        "gemini/gemini-2.5-flash",
        MESSAGES,
        api_base=f"{wire.url}/v1beta/models/gemini-2.5-flash",
        api_key="k",
    )

    (span,) = delivered()
    assert json.loads(wire.requests[0][2])
    assert span.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert span.attributes["gen_ai.request.model"] == "gemini-2.5-flash"
    assert span.attributes["gen_ai.usage.output_tokens"] == 13 + 17


def test_a_stream_of_gemini_is_one_span(wire: Any, delivered: Delivered) -> None:
    def chunk(tokens: int, reason: str | None) -> dict[str, Any]:
        candidate = {"content": {"role": "model", "parts": [{"text": SECRET}]}}
        usage = {"promptTokenCount": 11, "candidatesTokenCount": tokens}
        more = {"finishReason": reason} if reason else {}
        return {"candidates": [candidate | more], "usageMetadata": usage}

    wire.events([chunk(5, None), chunk(13, "STOP")])

    stream = litellm.completion(
        "gemini/gemini-2.5-flash",
        MESSAGES,
        api_base=f"{wire.url}/v1beta/models/gemini-2.5-flash",
        api_key="k",
        stream=True,
    )
    list(stream)

    (span,) = delivered()
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.request.model"] == "gemini-2.5-flash"
    assert span.attributes["gen_ai.usage.output_tokens"] == 13
    assert span.attributes["gen_ai.response.finish_reasons"] == ["STOP"]


def test_a_stream_of_its_own_that_ends_early_says_that_it_is_not_all(
    wire: Any, delivered: Delivered
) -> None:
    wire.stream([*message_events()[:3], None])

    stream = litellm.completion(
        "anthropic/claude-sonnet-4-6",
        MESSAGES,
        api_base=wire.url,
        api_key="k",
        max_tokens=256,
        stream=True,
    )
    next(iter(stream))
    del stream
    # What it keeps of its last call, and its own threads for a moment, hold the stream too.
    getattr(litellm, "error_logs", {}).clear()
    wait_until(lambda: gc.collect() >= 0 and bool(delivered()))

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False
    assert "tollbook.cost_usd" not in span.attributes


def test_a_call_that_it_makes_again_is_billed_once_and_each_request_is_seen(
    wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"type": "api_error", "message": SECRET}}, 500)
    wire.say(MESSAGE)

    litellm.completion(
        "anthropic/claude-sonnet-4-6",
        MESSAGES,
        api_base=wire.url,
        api_key="k",
        max_tokens=256,
        num_retries=1,
    )

    refused, answered = delivered()
    assert len(wire.requests) == 2
    assert refused.status_code == 2
    assert "gen_ai.usage.output_tokens" not in refused.attributes
    assert_message(answered)
