"""Calls through the real Cohere library, against a server that speaks its protocol."""

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tollbook

cohere = pytest.importorskip("cohere")
# Of the library itself, under newer versions of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
ASK: Any = {
    "model": "command-a",
    "messages": [{"role": "user", "content": SECRET}],
    "max_tokens": 256,
}
# What is billed is less than what was counted: the preamble is free.
USAGE: Any = {
    "billed_units": {"input_tokens": 19.0, "output_tokens": 23.0},
    "tokens": {"input_tokens": 519.0, "output_tokens": 25.0},
}


def answer() -> dict[str, Any]:
    content = [{"type": "text", "text": SECRET}]
    message = {"role": "assistant", "content": content}
    return {"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": USAGE}


def events() -> list[Any]:
    text = {"message": {"content": {"text": "x"}}}
    return [
        {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-delta", "index": 0, "delta": text},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}},
    ]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    with cohere.ClientV2(api_key="k", base_url=wire.url) as client:
        yield client


def assert_chat(span: Any) -> None:
    said = span.attributes
    assert span.name == "chat command-a"
    assert said["gen_ai.provider.name"] == "cohere"
    assert said["gen_ai.response.id"] == "c-1"
    assert said["gen_ai.response.finish_reasons"] == ["COMPLETE"]
    assert said["gen_ai.usage.input_tokens"] == 19
    assert said["gen_ai.usage.output_tokens"] == 23
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_chat_is_one_span_by_the_units_that_are_billed(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    said = client.chat(**ASK)

    (span,) = delivered()
    assert said.message.content[0].text == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    async with cohere.AsyncClientV2(api_key="k", base_url=wire.url) as client:
        await client.chat(**ASK)

    (span,) = delivered()
    assert_chat(span)


def test_a_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(events())

    got = list(client.chat_stream(**ASK))

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span)
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


async def test_an_async_stream_is_one_span(wire: Any, delivered: Delivered) -> None:
    wire.events(events())

    async with cohere.AsyncClientV2(api_key="k", base_url=wire.url) as client:
        got = [event async for event in client.chat_stream(**ASK)]

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"data: " + json.dumps(events()[0]).encode() + b"\n\n", None])
    stream = client.chat_stream(**ASK)
    next(stream)

    if how == "close":
        stream.close()
    else:
        del stream
        gc.collect()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False
    assert "error.type" not in span.attributes


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded_once(
    status: int, streamed: bool, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"message": SECRET}, status, retry_after="0")
    options = {"max_retries": 1}

    ask = client.chat_stream if streamed else client.chat

    with pytest.raises(cohere.core.ApiError) as caught:
        list(ask(**ASK, request_options=options))

    (span,) = delivered()
    assert caught.value.status_code == status
    assert span.attributes["error.type"] == str(status)
    assert SECRET not in repr(span)


def test_embeddings_are_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    meta = {"billed_units": {"input_tokens": 7}}
    wire.say({"id": "e-1", "embeddings": {"float": [[0.5]]}, "texts": [SECRET], "meta": meta})

    client.embed(
        model="embed-v4.0", input_type="search_query", texts=[SECRET], embedding_types=["float"]
    )

    (span,) = delivered()
    assert span.name == "embeddings embed-v4.0"
    assert span.attributes["gen_ai.usage.input_tokens"] == 7


@pytest.mark.parametrize("version", [1, 2])
def test_a_ranking_is_one_span_with_the_searches_that_are_billed(
    version: int, wire: Any, delivered: Delivered
) -> None:
    meta = {"billed_units": {"search_units": 2.0}}
    wire.say({"id": "r-1", "results": [{"index": 0, "relevance_score": 0.5}], "meta": meta})

    with (cohere.Client if version == 1 else cohere.ClientV2)(api_key="k", base_url=wire.url) as c:
        c.rerank(model="rerank-v3.5", query=SECRET, documents=[SECRET])

    (span,) = delivered()
    assert span.name == "rerank rerank-v3.5"
    assert span.attributes["tollbook.usage.search_units"] == 2
    assert span.attributes["tollbook.cost_usd"] == "0.004"  # 2 searches at 2 USD for a thousand
    assert SECRET not in repr(span)


def test_the_librarys_retries_are_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say({"message": SECRET}, 503, retry_after="0")
    wire.say(answer())

    client.chat(**ASK, request_options={"max_retries": 1})

    (span,) = delivered()
    assert len(wire.requests) == 2
    assert_chat(span)
    assert span.status_code == 0
    assert span.attributes["http.request.resend_count"] == 1


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another-model"):
        for _ in range(2):
            client.chat(**ASK)

    first, second = delivered()
    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["command-a", "another-model"]
    assert first.attributes["gen_ai.request.model"] == "command-a"
    assert second.attributes["gen_ai.request.model"] == "another-model"


def test_a_stream_of_another_model_is_asked_for_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.events(events())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another-model"):
        for _ in range(2):
            list(client.chat_stream(**ASK))

    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["command-a", "another-model"]
    assert delivered()[1].attributes["gen_ai.request.model"] == "another-model"
