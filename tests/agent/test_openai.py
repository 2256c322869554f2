"""Calls through the real OpenAI library."""

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

MESSAGES: Any = [{"role": "user", "content": "a-word-that-must-not-leave"}]
CHAT: Any = {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 256, "temperature": 0.2}
USAGE_OPTION: Any = {"include_usage": True}
Delivered = Callable[[], list[Any]]
# gpt-4o: 2.50 USD for a million tokens of input, 1.25 read from the cache, 10 of output.
CHAT_COST_USD = "0.00325875"  # 176 * 0.0000025 + 1031 * 0.00000125 + 153 * 0.00001
RESPONSES_COST_USD = "0.00360625"  # 274 * 0.0000025 + 1033 * 0.00000125 + 163 * 0.00001


def assert_chat(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "chat gpt-4o"
    assert span.kind == 3
    assert span.status_code == 0
    assert span.scope == "tollbook"
    assert span.end_time_ns >= span.start_time_ns > 1_700_000_000_000_000_000
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.request.model"] == "gpt-4o"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.request.temperature"] == 0.2
    assert said["openai.api.type"] == "chat_completions"
    assert said["openai.response.service_tier"] == "default"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.response.id"] == "chatcmpl-1"
    assert said["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.usage.input_tokens"] == 1207
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1031
    assert said["gen_ai.usage.audio.input_tokens"] == 0
    assert said["gen_ai.usage.output_tokens"] == 153
    assert said["gen_ai.usage.reasoning.output_tokens"] == 67
    assert said["tollbook.cost_usd"] == CHAT_COST_USD
    assert said["gen_ai.usage.cost.amount"] == float(CHAT_COST_USD)
    assert said["gen_ai.usage.cost.currency"] == "USD"
    assert said["gen_ai.usage.cost.source"] == "local"
    assert "tollbook.usage.complete" not in said
    assert "gen_ai.usage.cache_write.input_tokens" not in said
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert "a-word-that-must-not-leave" not in repr(span)


def test_a_chat_completion_is_one_span_with_its_tokens_and_cost(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    answer = openai_client.chat.completions.create(**CHAT)

    (span,) = delivered()
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 1207
    assert_chat(span)
    assert span.resource["service.name"] == "tests"
    assert span.resource["telemetry.sdk.name"] == "tollbook"
    assert span.resource["process.pid"] > 0


async def test_an_async_chat_completion_is_one_span(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    await async_openai_client.chat.completions.create(**CHAT)

    (span,) = delivered()
    assert_chat(span)


def test_a_chat_stream_keeps_its_type_and_is_one_span(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True, stream_options=USAGE_OPTION)
    chunks = list(stream)

    (span,) = delivered()
    assert type(stream) is openai.Stream
    assert len(chunks) == 11
    assert_chat(span, streamed=True)
    first_chunk_s = span.attributes["gen_ai.response.time_to_first_chunk"]
    assert 0 < first_chunk_s <= (span.end_time_ns - span.start_time_ns) / 1e9


async def test_an_async_chat_stream_keeps_its_type_and_is_one_span(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    stream = await async_openai_client.chat.completions.create(
        **CHAT, stream=True, stream_options=USAGE_OPTION
    )
    chunks = [chunk async for chunk in stream]

    (span,) = delivered()
    assert type(stream) is openai.AsyncStream
    assert len(chunks) == 11
    assert_chat(span, streamed=True)


def test_a_chat_stream_without_usage_is_sent_as_it_was_and_its_usage_is_an_estimate(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    list(openai_client.chat.completions.create(**CHAT, stream=True))

    (span,) = delivered()
    assert "stream_options" not in provider.bodies[0]
    assert span.attributes["tollbook.usage.complete"] is False
    assert span.attributes["tollbook.usage.estimated"] is True
    assert span.attributes["gen_ai.usage.output_tokens"] == 8 * 27 // 4  # 8 pieces of 27 bytes
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]


def test_a_response_is_one_span(openai_client: openai.OpenAI, delivered: Delivered) -> None:
    openai_client.responses.create(
        model="gpt-4o", input="hello", reasoning={"effort": "low"}, service_tier="flex"
    )

    said = delivered()[0].attributes
    assert len(delivered()) == 1
    assert said["openai.api.type"] == "responses"
    assert said["openai.request.service_tier"] == "flex"
    assert said["openai.response.service_tier"] == "default"
    assert said["gen_ai.request.reasoning.level"] == "low"
    assert said["gen_ai.usage.input_tokens"] == 1307
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1033
    assert said["gen_ai.usage.output_tokens"] == 163
    assert said["gen_ai.usage.reasoning.output_tokens"] == 71
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["tollbook.cost_usd"] == RESPONSES_COST_USD


@pytest.mark.parametrize("way", ["create", "stream"])
def test_a_streamed_response_is_one_span(
    way: str, openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    if way == "create":
        list(openai_client.responses.create(model="gpt-4o", input="hello", stream=True))
    else:
        with openai_client.responses.stream(model="gpt-4o", input="hello") as stream:
            stream.until_done()

    (span,) = delivered()
    assert span.attributes["gen_ai.usage.output_tokens"] == 163
    assert span.attributes["openai.response.service_tier"] == "default"
    assert span.attributes["tollbook.cost_usd"] == RESPONSES_COST_USD


async def test_an_async_streamed_response_is_one_span(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    async with async_openai_client.responses.stream(model="gpt-4o", input="hello") as stream:
        await stream.until_done()

    (span,) = delivered()
    assert span.attributes["tollbook.cost_usd"] == RESPONSES_COST_USD


def test_the_stream_helper_is_one_span(openai_client: openai.OpenAI, delivered: Delivered) -> None:
    with openai_client.chat.completions.stream(**CHAT, stream_options=USAGE_OPTION) as stream:
        stream.until_done()

    (span,) = delivered()
    assert_chat(span, streamed=True)


class Said(BaseModel):
    said: str


def test_the_parse_helper_is_one_span(openai_client: openai.OpenAI, delivered: Delivered) -> None:
    answer = openai_client.chat.completions.parse(**CHAT, response_format=Said)

    (span,) = delivered()
    assert isinstance(answer.choices[0].message.parsed, Said)
    assert_chat(span)


def test_a_raw_response_is_one_span_and_still_parses(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(**CHAT)

    (span,) = delivered()
    assert raw.parse().id == "chatcmpl-1"
    assert_chat(span)


def test_a_raw_stream_is_one_span(openai_client: openai.OpenAI, delivered: Delivered) -> None:
    raw = openai_client.chat.completions.with_raw_response.create(
        **CHAT, stream=True, stream_options=USAGE_OPTION
    )
    stream: Any = raw.parse()
    chunks = list(stream)

    (span,) = delivered()
    assert len(chunks) == 11
    assert_chat(span, streamed=True)


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_streaming_response_is_one_span_however_it_is_compressed(
    gzipped: bool, openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.gzipped = gzipped

    with openai_client.chat.completions.with_streaming_response.create(**CHAT) as response:
        answer = json.loads(response.read())

    (span,) = delivered()
    assert answer["id"] == "chatcmpl-1"
    assert_chat(span)


async def test_an_async_streaming_response_read_by_lines_is_one_span(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    create = async_openai_client.chat.completions.with_streaming_response.create
    async with create(**CHAT, stream=True, stream_options=USAGE_OPTION) as response:
        lines = [line async for line in response.iter_lines() if line]

    (span,) = delivered()
    assert len(lines) == 12
    assert_chat(span, streamed=True)


def test_a_streaming_response_that_nobody_reads_is_marked_incomplete(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    with openai_client.chat.completions.with_streaming_response.create(**CHAT) as response:
        status = response.status_code

    (span,) = delivered()
    assert status == 200
    assert span.attributes["tollbook.usage.complete"] is False
    assert "tollbook.cost_usd" not in span.attributes


def assert_cut_short(span: Any) -> None:
    assert span.attributes["tollbook.usage.complete"] is False
    assert span.attributes["gen_ai.response.id"] == "chatcmpl-1"
    assert "tollbook.cost_usd" not in span.attributes


def test_a_stream_closed_early_is_recorded_at_once_and_its_connection_closed(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True, stream_options=USAGE_OPTION)
    next(stream)
    stream.close()

    (span,) = delivered()
    assert stream.response.is_closed
    assert_cut_short(span)
    assert span.status_code == 0


def test_leaving_a_streams_with_block_early_is_recorded_at_once(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    with openai_client.chat.completions.create(**CHAT, stream=True) as stream:
        next(stream)

    assert_cut_short(delivered()[0])


def test_a_stream_helper_closed_early_is_recorded_at_once(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    with openai_client.chat.completions.stream(**CHAT) as stream:
        next(stream)

    assert_cut_short(delivered()[0])


def test_a_stream_that_is_dropped_is_recorded(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True)
    next(stream)
    del stream
    gc.collect()

    assert_cut_short(delivered()[0])


def test_a_stream_that_is_dropped_unread_is_recorded(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True)
    stream.response.close()
    del stream
    gc.collect()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


async def test_an_async_stream_closed_early_is_recorded_at_once(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    stream = await async_openai_client.chat.completions.create(**CHAT, stream=True)
    await anext(aiter(stream))
    await stream.close()

    assert_cut_short(delivered()[0])


async def test_a_cancelled_stream_is_recorded_at_once_with_its_error(
    async_openai_client: openai.AsyncOpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.hold_after = 2
    started = asyncio.Event()

    async def use() -> None:
        async for _ in await async_openai_client.chat.completions.create(**CHAT, stream=True):
            started.set()

    task = asyncio.create_task(use())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (span,) = delivered()
    assert_cut_short(span)
    assert span.attributes["error.type"] == "CancelledError"
    assert span.status_code == 2


def test_a_stream_that_breaks_raises_the_librarys_error_and_is_an_error(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.broken_after = 3

    with pytest.raises(openai.APIConnectionError):
        list(openai_client.chat.completions.create(**CHAT, stream=True))

    (span,) = delivered()
    assert_cut_short(span)
    assert span.attributes["error.type"] == "APIConnectionError"
    assert span.status_code == 2


@pytest.mark.parametrize(
    ("status", "error"), [(429, openai.RateLimitError), (500, openai.InternalServerError)]
)
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int,
    error: type[openai.APIStatusError],
    openai_client: openai.OpenAI,
    provider: Any,
    delivered: Delivered,
) -> None:
    provider.statuses = [status]

    with pytest.raises(error) as caught:
        openai_client.chat.completions.create(**CHAT)

    (span,) = delivered()
    assert type(caught.value) is error
    assert caught.value.status_code == status
    assert span.status_code == 2
    assert span.attributes["error.type"] == error.__name__
    assert "gen_ai.usage.input_tokens" not in span.attributes
    assert "a-word-that-must-not-leave" not in repr(span)


def test_the_librarys_retries_are_one_span(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.statuses = [429, 500]

    openai_client.with_options(max_retries=2).chat.completions.create(**CHAT)

    (span,) = delivered()
    assert len(provider.bodies) == 3
    assert_chat(span)
    assert span.attributes["http.request.resend_count"] == 2


async def test_retries_of_a_request_that_is_no_model_call_are_not_those_of_the_next_one(
    async_openai_client: openai.AsyncOpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.statuses = [500, 500]
    client = async_openai_client.with_options(max_retries=1)

    with pytest.raises(openai.InternalServerError):
        await client.models.list()
    await client.chat.completions.create(**CHAT)
    provider.statuses = [429, 429]
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(**CHAT)

    answered, refused = delivered()
    assert "http.request.resend_count" not in answered.attributes
    assert refused.attributes["http.request.resend_count"] == 1


def test_a_tier_reported_by_the_provider_decides_the_price(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    base = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    provider.answers["completions"] = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "an-unknown-model",
        "choices": [],
        "usage": base,
        "service_tier": "priority",
    }

    openai_client.chat.completions.create(**{**CHAT, "model": "also-unknown"})

    said = delivered()[0].attributes
    assert said["openai.response.service_tier"] == "priority"
    assert said["gen_ai.usage.input_tokens"] == 1000
    assert "gen_ai.usage.cache_read.input_tokens" not in said
    assert "tollbook.cost_usd" not in said


@pytest.mark.parametrize(
    "usage", [None, {"prompt_tokens": -1, "completion_tokens": "many", "total_tokens": 2**70}]
)
def test_usage_that_is_none_is_left_out(
    usage: Any, openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.answers["completions"] = {"id": "c", "model": "gpt-4o", "usage": usage}

    openai_client.chat.completions.create(**CHAT)

    said = delivered()[0].attributes
    assert not [name for name in said if name.startswith("gen_ai.usage")]
    assert "tollbook.cost_usd" not in said


def test_an_answer_that_is_not_json_reaches_the_caller(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.answers["completions"] = "words"  # a JSON string where an object is due

    answer: Any = openai_client.chat.completions.create(**CHAT)

    assert answer == "words"
    assert len(delivered()) == 1


def test_a_request_that_is_no_model_call_is_not_recorded(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    provider.answers["cancel"] = {"id": "batch_1"}

    openai_client.batches.cancel("batch_1")

    assert delivered() == []
