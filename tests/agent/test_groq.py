"""Calls through the real Groq library, against a server that speaks its protocol."""

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

groq = pytest.importorskip("groq")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
MESSAGES: Any = [{"role": "user", "content": SECRET}]
ASK: Any = {"model": "m-1", "messages": MESSAGES, "max_tokens": 256}
USAGE: Any = {
    "prompt_tokens": 1207,
    "completion_tokens": 153,
    "total_tokens": 1360,
    "prompt_tokens_details": {"cached_tokens": 1031},
    "completion_tokens_details": {"reasoning_tokens": 67},
}


def answer(**more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": SECRET}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1-001"}
    return {**said, "choices": [choice], "usage": USAGE, **more}


def chunks() -> list[Any]:
    said = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1-001"}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    return [
        *({**said, "choices": [delta]} for _ in range(3)),
        {**said, "choices": [end], "x_groq": {"id": "c-1", "usage": USAGE}},
    ]


def assert_chat(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "chat m-1"
    assert span.kind == 3
    assert said["gen_ai.provider.name"] == "groq"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.response.id"] == "c-1"
    assert said["gen_ai.response.model"] == "m-1-001"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.usage.input_tokens"] == 1207
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1031
    assert said["gen_ai.usage.output_tokens"] == 153
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert ("gen_ai.response.time_to_first_chunk" in said) == streamed
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    with groq.Groq(api_key="k", base_url=wire.url, max_retries=0) as client:
        yield client


def test_a_chat_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    said = client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    async with groq.AsyncGroq(api_key="k", base_url=wire.url, max_retries=0) as client:
        said = await client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span)


def test_a_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    got = list(client.chat.completions.create(**ASK, stream=True))

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, streamed=True)


async def test_an_async_stream_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    async with groq.AsyncGroq(api_key="k", base_url=wire.url, max_retries=0) as client:
        got = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, streamed=True)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"data: " + json.dumps(chunks()[0]).encode() + b"\n\n", None])
    stream = client.chat.completions.create(**ASK, stream=True)
    next(stream)

    if how == "close":
        stream.close()
    else:
        del stream
        gc.collect()

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.response.id"] == "c-1"
    assert said["tollbook.usage.estimated"] is True


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int, streamed: bool, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"message": SECRET}}, status)

    with pytest.raises(groq.APIStatusError) as caught:
        list(
            client.chat.completions.create(**ASK, stream=True)
        ) if streamed else client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert span.status_code == 2
    assert span.attributes["error.type"] in (type(caught.value).__name__, str(status))
    assert SECRET not in repr(span)


def test_the_librarys_retries_are_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": {"message": SECRET}}, 503, retry_after_ms="1")
    wire.say(answer())

    with groq.Groq(api_key="k", base_url=wire.url, max_retries=1) as client:
        client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert len(wire.requests) == 2
    assert_chat(span)
    assert span.status_code == 0
