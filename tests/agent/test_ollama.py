"""Calls through the real Ollama library, against a server that speaks its protocol."""

import gc
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import tollbook

ollama = pytest.importorskip("ollama")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
ASK: Any = {
    "model": "llama3",
    "messages": [{"role": "user", "content": SECRET}],
    "options": {"num_predict": 256, "temperature": 0.5},
}
COUNTS = {"prompt_eval_count": 19, "eval_count": 23, "total_duration": 1}
END: Any = {"model": "llama3", "created_at": "2026-01-01T00:00:00Z", "done_reason": "stop"}
END |= {"message": {"role": "assistant", "content": SECRET}, "done": True, **COUNTS}
PART: Any = {"model": "llama3", "created_at": "2026-01-01T00:00:00Z", "done": False}
PART |= {"message": {"role": "assistant", "content": "x"}}


def lines(*parts: Any) -> list[bytes]:
    return [json.dumps(part).encode() + b"\n" for part in parts]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    client = ollama.Client(host=wire.url)
    yield client
    client._client.close()


@pytest.fixture
async def async_client(wire: Any) -> AsyncIterator[Any]:
    client = ollama.AsyncClient(host=wire.url)
    yield client
    await client._client.aclose()


def assert_chat(span: Any) -> None:
    said = span.attributes
    assert span.name == "chat llama3"
    assert said["gen_ai.provider.name"] == "ollama"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.usage.input_tokens"] == 19
    assert said["gen_ai.usage.output_tokens"] == 23
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_chat_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(END)

    said = client.chat(**ASK)

    (span,) = delivered()
    assert said.message.content == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(
    async_client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(END)

    await async_client.chat(**ASK)

    (span,) = delivered()
    assert_chat(span)


def test_a_stream_stays_a_generator_and_is_one_span(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream(lines(PART, PART, END), "application/x-ndjson")

    stream = client.chat(**ASK, stream=True)
    parts = list(stream)

    (span,) = delivered()
    assert inspect.isgenerator(stream)
    assert len(parts) == 3
    assert_chat(span)
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


async def test_an_async_stream_stays_a_generator_and_is_one_span(
    async_client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream(lines(PART, PART, END), "application/x-ndjson")

    stream = await async_client.chat(**ASK, stream=True)
    parts = [part async for part in stream]

    (span,) = delivered()
    assert inspect.isasyncgen(stream)
    assert len(parts) == 3
    assert_chat(span)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([*lines(PART), None], "application/x-ndjson")
    stream = client.chat(**ASK, stream=True)
    next(stream)

    if how == "close":
        stream.close()
    else:
        del stream
        gc.collect()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


async def test_an_async_stream_that_is_closed_early_is_recorded_at_once(
    async_client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([*lines(PART), None], "application/x-ndjson")
    stream = await async_client.chat(**ASK, stream=True)
    await anext(stream)

    await stream.aclose()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


def test_a_stream_that_is_never_read_is_no_call(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    client.chat(**ASK, stream=True)

    assert delivered() == []
    assert wire.requests == []


def test_the_library_has_no_retries_so_each_is_a_call_of_the_programs(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": SECRET}, 503)
    wire.say(END)

    with pytest.raises(ollama.ResponseError):
        client.chat(**ASK)
    client.chat(**ASK)

    refused, answered = delivered()
    assert refused.attributes["error.type"] == "ResponseError"
    assert "error.type" not in answered.attributes


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    streamed: bool, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": SECRET}, 404)

    with pytest.raises(ollama.ResponseError):
        list(client.chat(**ASK, stream=streamed))

    (span,) = delivered()
    assert span.attributes["error.type"] == "ResponseError"


def test_a_prompt_in_the_servers_cache_has_no_count_and_none_is_made_up(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({name: value for name, value in END.items() if name != "prompt_eval_count"})

    client.chat(**ASK)

    (span,) = delivered()
    assert "gen_ai.usage.input_tokens" not in span.attributes


def test_generation_and_embeddings_are_a_span_each(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({**END, "response": SECRET})
    wire.say({"model": "nomic", "embeddings": [[0.5]], "prompt_eval_count": 7})

    client.generate(model="llama3", prompt=SECRET)
    client.embed(model="nomic", input=SECRET)

    generated, embedded = delivered()
    assert generated.name == "text_completion llama3"
    assert embedded.name == "embeddings nomic"
    assert embedded.attributes["gen_ai.usage.input_tokens"] == 7


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(END)

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another-model"):
        for _ in range(2):
            client.chat(**ASK)

    first, second = delivered()
    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["llama3", "another-model"]
    assert first.attributes["gen_ai.request.model"] == "llama3"
    assert second.attributes["gen_ai.request.model"] == "another-model"
