"""Usage of OpenAI's streams that were not asked for it; regions that hosts name."""

from collections.abc import Callable
from typing import Any

import openai
import pytest

import tollbook
from tollbook.clients.hosts import region_of_host
from tollbook.settings import SettingInvalid, read_settings

Delivered = Callable[[], list[Any]]
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 400}]}
CHUNKS = 10  # that the server sends without being asked for the usage


@pytest.fixture
def inject(collector: Any) -> None:
    tollbook.instrument(service="tests", endpoint=collector.url, stream_usage="inject")


def assert_exact(provider: Any, spans: list[Any]) -> None:
    (span,) = spans
    assert provider.bodies[0]["stream_options"] == {"include_usage": True}
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207
    assert span.attributes["gen_ai.usage.output_tokens"] == 153
    assert "tollbook.usage.estimated" not in span.attributes
    assert "tollbook.usage.complete" not in span.attributes


def test_the_usage_is_asked_for_and_the_chunk_that_answers_is_hidden(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered, inject: None
) -> None:
    asked = {**CHAT}

    stream = openai_client.chat.completions.create(**asked, stream=True)
    chunks = list(stream)

    assert type(stream) is openai.Stream
    assert len(chunks) == CHUNKS
    assert all(chunk.usage is None for chunk in chunks)
    assert_exact(provider, delivered())


async def test_the_usage_of_an_async_stream_is_asked_for_and_hidden(
    async_openai_client: openai.AsyncOpenAI, provider: Any, delivered: Delivered, inject: None
) -> None:
    stream = await async_openai_client.chat.completions.create(**CHAT, stream=True)
    chunks = [chunk async for chunk in stream]

    assert type(stream) is openai.AsyncStream
    assert len(chunks) == CHUNKS
    assert_exact(provider, delivered())


def test_a_caller_who_reads_the_bytes_gets_what_was_asked_for(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered, inject: None
) -> None:
    create = openai_client.chat.completions.with_streaming_response.create
    with create(**CHAT, stream=True) as response:
        list(response.iter_bytes())

    (span,) = delivered()
    assert "stream_options" not in provider.bodies[0]
    assert span.attributes["tollbook.usage.estimated"] is True


@pytest.mark.parametrize("option", [{"include_usage": False}, {"include_usage": True}])
def test_what_the_caller_says_about_usage_stays(
    option: Any, openai_client: openai.OpenAI, provider: Any, delivered: Delivered, inject: None
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True, stream_options=option)
    chunks = list(stream)

    assert provider.bodies[0]["stream_options"] == option
    assert len(chunks) == CHUNKS + option["include_usage"]


def test_a_helper_for_streams_works_with_the_hidden_chunk(
    openai_client: openai.OpenAI, delivered: Delivered, inject: None
) -> None:
    with openai_client.chat.completions.stream(**CHAT) as stream:
        said = stream.get_final_completion()

    (span,) = delivered()
    assert said.choices[0].finish_reason == "stop"
    assert span.attributes["gen_ai.usage.output_tokens"] == 153


def test_an_estimate_is_flagged_and_costs_what_the_text_amounts_to(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    stream = openai_client.chat.completions.create(**CHAT, stream=True)
    next(stream)
    next(stream)
    stream.close()

    (span,) = delivered()
    said = span.attributes
    assert said["tollbook.usage.estimated"] is True
    assert said["tollbook.usage.complete"] is False
    # "user" and 400 letters at 4 bytes a token, and 4 tokens for the message
    assert said["gen_ai.usage.input_tokens"] == 404 // 4 + 4
    # one piece of 27 bytes: 26 letters and a space
    assert said["gen_ai.usage.output_tokens"] == 7


def test_a_way_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(SettingInvalid, match=r"'guess'.*'estimate' or 'inject'"):
        read_settings({"TOLLBOOK_STREAM_USAGE": "guess"})


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("us.api.openai.com", "us"),
        ("eu.api.openai.com", "eu"),
        ("api.openai.com", None),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-mantle.us-west-2.api.aws", "us-west-2"),
        ("us-east5-aiplatform.googleapis.com", "us-east5"),
        ("aiplatform.googleapis.com", None),
        ("swedencentral.api.cognitive.microsoft.com", "swedencentral"),
        ("my-resource.openai.azure.com", None),
    ],
)
def test_a_host_says_in_which_region_it_is(host: str, region: str | None) -> None:
    assert region_of_host(host) == region
