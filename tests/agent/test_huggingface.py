"""Calls through the real InferenceClient, against a server that speaks its protocol."""

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tollbook

hub = pytest.importorskip("huggingface_hub")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
ASK: Any = {"messages": [{"role": "user", "content": SECRET}], "max_tokens": 256}
USAGE: Any = {"prompt_tokens": 1207, "completion_tokens": 153, "total_tokens": 1360}
SAID: Any = {"id": "c-1", "created": 1, "model": "m-1-001", "system_fingerprint": "f"}


def answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": SECRET}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**SAID, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def chunks() -> list[Any]:
    delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    end = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    last = {**SAID, "choices": [], "usage": USAGE}
    return [{**SAID, "choices": [delta]}, {**SAID, "choices": [end]}, last]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    with hub.InferenceClient(base_url=wire.url, api_key="k") as client:
        yield client
    hub.close_session()


def assert_chat(span: Any) -> None:
    said = span.attributes
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "huggingface"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.response.id"] == "c-1"
    assert said["gen_ai.response.model"] == "m-1-001"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.usage.input_tokens"] == 1207
    assert said["gen_ai.usage.output_tokens"] == 153
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_chat_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    said = client.chat_completion(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    async with hub.AsyncInferenceClient(base_url=wire.url, api_key="k") as client:
        await client.chat_completion(**ASK)

    (span,) = delivered()
    assert_chat(span)


def test_a_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    got = list(client.chat_completion(**ASK, stream=True))

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span)
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


async def test_an_async_stream_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    async with hub.AsyncInferenceClient(base_url=wire.url, api_key="k") as client:
        got = [chunk async for chunk in await client.chat_completion(**ASK, stream=True)]

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span)


def test_a_stream_that_ends_early_says_that_it_is_not_all(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"data: " + json.dumps(chunks()[0]).encode() + b"\n\n", None])
    stream = iter(client.chat_completion(**ASK, stream=True))
    next(stream)

    del stream
    gc.collect()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False
    assert span.attributes["gen_ai.response.id"] == "c-1"


def test_the_library_has_no_retries_so_each_is_a_call_of_the_programs(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": SECRET}, 503)
    wire.say(answer())

    with pytest.raises(hub.errors.HfHubHTTPError):
        client.chat_completion(**ASK)
    client.chat_completion(**ASK)

    refused, answered = delivered()
    assert len(wire.requests) == 2
    assert "gen_ai.usage.output_tokens" not in refused.attributes
    assert_chat(answered)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    streamed: bool, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": SECRET}, 429)

    with pytest.raises(hub.errors.HfHubHTTPError) as caught:
        list(client.chat_completion(**ASK, stream=streamed))

    (span,) = delivered()
    assert span.attributes["error.type"] == type(caught.value).__name__
    assert SECRET not in repr(span)


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another-model"):
        for _ in range(2):
            client.chat_completion(**ASK, model="m-1")

    first, second = delivered()
    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["m-1", "another-model"]
    assert first.attributes["gen_ai.request.model"] == "m-1"
    assert second.attributes["gen_ai.request.model"] == "another-model"
