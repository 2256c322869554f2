"""Calls through the real Mistral library, against a server that speaks its protocol."""

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tollbook

try:
    from mistralai import client as mistralai
    from mistralai.client.errors import SDKError
    from mistralai.client.utils import BackoffStrategy, RetryConfig
except ImportError:  # before version 2
    mistralai = pytest.importorskip("mistralai")
    from mistralai.models import SDKError
    from mistralai.utils import BackoffStrategy, RetryConfig

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
        {**said, "choices": [end], "usage": USAGE},
    ]


def assert_chat(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "chat m-1"
    assert span.kind == 3
    assert said["gen_ai.provider.name"] == "mistral_ai"
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
    with mistralai.Mistral(api_key="k", server_url=wire.url) as client:
        yield client


def test_a_chat_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    said = client.chat.complete(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    async with mistralai.Mistral(api_key="k", server_url=wire.url) as client:
        said = await client.chat.complete_async(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span)


def test_a_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    got = list(client.chat.stream(**ASK))

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, streamed=True)


async def test_an_async_stream_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.events(chunks(), done=True)

    async with mistralai.Mistral(api_key="k", server_url=wire.url) as client:
        got = [chunk async for chunk in await client.chat.stream_async(**ASK)]

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, streamed=True)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"data: " + json.dumps(chunks()[0]).encode() + b"\n\n", None])
    stream = client.chat.stream(**ASK)
    next(iter(stream))

    if how == "close":
        stream.response.close()
    else:
        del stream
        gc.collect()

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.response.id"] == "c-1"
    assert "gen_ai.usage.output_tokens" not in said


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int, streamed: bool, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"message": SECRET}}, status)

    with pytest.raises(SDKError) as caught:
        list(client.chat.stream(**ASK)) if streamed else client.chat.complete(**ASK)

    (span,) = delivered()
    assert span.status_code == 2
    assert span.attributes["error.type"] in (type(caught.value).__name__, str(status))
    assert SECRET not in repr(span)


def test_a_document_that_is_read_costs_its_pages(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    said: dict[str, Any] = {"pages": [], "model": "mistral-ocr-4-1"}
    wire.say({**said, "usage_info": {"pages_processed": 7, "doc_size_bytes": 10}})

    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    client.ocr.process(model="mistral-ocr-4-1", document=document)

    (span,) = delivered()
    assert span.attributes["tollbook.usage.pages"] == 7
    assert span.attributes["tollbook.cost_usd"] == "0.028"  # 7 * 0.004


def test_embeddings_are_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    usage = {"prompt_tokens": 19, "completion_tokens": 0, "total_tokens": 19}
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    wire.say({"id": "e-1", "object": "list", "model": "m-1", "usage": usage, "data": data})

    client.embeddings.create(model="mistral-embed", inputs=[SECRET])

    (span,) = delivered()
    assert span.name == "embeddings mistral-embed"
    assert span.attributes["gen_ai.usage.input_tokens"] == 19


RETRIES: Any = RetryConfig("backoff", BackoffStrategy(1, 2, 1.0, 5000), True)


def test_a_call_that_is_repeated_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": SECRET}, 503)
    wire.say({"error": SECRET}, 429)
    wire.say(answer())
    with mistralai.Mistral(api_key="k", server_url=wire.url, retry_config=RETRIES) as client:
        client.chat.complete(**ASK)
        client.chat.complete(**ASK)

    repeated, straight = delivered()
    assert len(wire.requests) == 4
    assert_chat(repeated)
    assert repeated.attributes["http.request.resend_count"] == 2
    assert "http.request.resend_count" not in straight.attributes


async def test_an_async_stream_that_is_repeated_is_one_span(
    wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": SECRET}, 500)
    wire.events(chunks(), done=True)
    async with mistralai.Mistral(api_key="k", server_url=wire.url, retry_config=RETRIES) as client:
        stream = await client.chat.stream_async(**ASK)
        assert [_ async for _ in stream]

    (span,) = delivered()
    assert_chat(span, streamed=True)
    assert span.attributes["http.request.resend_count"] == 1


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another-model"):
        for _ in range(2):
            client.chat.complete(**ASK)

    first, second = delivered()
    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["m-1", "another-model"]
    assert first.attributes["gen_ai.request.model"] == "m-1"
    assert second.attributes["gen_ai.request.model"] == "another-model"
