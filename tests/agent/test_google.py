"""Calls through the real Google Gen AI library, against a server that speaks its protocol."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tollbook
from tollbook.ends import LAST_EVENTS
from tollbook.process import PROCESS

genai = pytest.importorskip("google.genai")
# Of the library itself, where aiohttp is installed.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
# Numbers are all different; the total is the sum of prompt, candidates, tool use and thoughts.
USAGE: Any = {
    "promptTokenCount": 1201,
    "candidatesTokenCount": 149,
    "thoughtsTokenCount": 61,
    "toolUsePromptTokenCount": 17,
    "totalTokenCount": 1428,
    "cachedContentTokenCount": 1013,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 1101},
        {"modality": "AUDIO", "tokenCount": 100},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 149}],
    "serviceTier": "flex",
}
CONFIG: Any = {"max_output_tokens": 256, "temperature": 0.5, "top_p": 0.9, "seed": 7}
ASK: Any = {"model": "gemini-2.5-flash", "contents": SECRET, "config": CONFIG}


def answer(usage: Any = USAGE, reason: str | None = "STOP", text: str = SECRET) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
    if reason:
        candidate["finishReason"] = reason
    said = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash-001", "responseId": "r-1"}
    return {**said, "usageMetadata": usage} if usage else said


def chunks() -> list[Any]:
    """Return chunks whose usage is cumulative, as the provider sends it."""
    growing = [
        {**USAGE, "candidatesTokenCount": count, "thoughtsTokenCount": 61} for count in (5, 70)
    ]
    return [answer(usage, None) for usage in growing] + [answer()]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    options = {"base_url": wire.url, "retry_options": {"attempts": 1}}
    client = genai.Client(api_key="k", http_options=options)
    yield client
    client.close()


def assert_content(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "generate_content gemini-2.5-flash"
    assert span.kind == 3
    assert said["gen_ai.operation.name"] == "generate_content"
    assert said["gen_ai.provider.name"] == "gcp.gemini"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.request.seed"] == 7
    assert said["gen_ai.response.id"] == "r-1"
    assert said["gen_ai.response.model"] == "gemini-2.5-flash-001"
    assert said["gen_ai.response.finish_reasons"] == ["STOP"]
    assert said["gen_ai.usage.input_tokens"] == 1201 + 17
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1013
    assert said["gen_ai.usage.audio.input_tokens"] == 100 - 40
    assert said["gen_ai.usage.output_tokens"] == 149 + 61
    assert said["gen_ai.usage.reasoning.output_tokens"] == 61
    assert said["anthropic.response.service_tier"] == "flex"
    # USD for a million tokens: 0.30 text, 1 audio, 0.03 read from the cache, 2.50 output:
    # (1218 - 1013 - 60) * 0.0000003 + 60 * 0.000001 + 210 * 0.0000025 = 0.0006285, of which the
    # flex tier is half, and 1013 * 0.00000003 = 0.00003039, which it is not.
    assert said["tollbook.cost_usd"] == "0.00034464"
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert ("gen_ai.response.time_to_first_chunk" in said) == streamed
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_content_is_one_span_with_inclusive_totals(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    said = client.models.generate_content(**ASK)

    (span,) = delivered()
    assert said.text == SECRET
    assert_content(span)


@pytest.mark.parametrize(
    ("model", "searches", "fee"), [("gemini-2.5-flash", 1, "0.035"), ("gemini-4-argon", 2, "0.028")]
)
def test_searches_that_ground_an_answer_are_charged_beside_its_tokens(
    client: Any, wire: Any, delivered: Delivered, model: str, searches: int, fee: str
) -> None:
    said = answer({"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0})
    said["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["one", "two"]}
    wire.say({**said, "modelVersion": model})

    client.models.generate_content(model=model, contents=SECRET)

    attributes = delivered()[0].attributes
    assert attributes["tollbook.usage.web_search_requests"] == searches
    assert attributes["tollbook.cost_usd"] == fee


async def test_async_content_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    said = await client.aio.models.generate_content(**ASK)
    await client.aio.aclose()

    (span,) = delivered()
    assert said.text == SECRET
    assert_content(span)


def test_of_a_stream_the_last_cumulative_usage_counts(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.events(chunks())

    got = list(client.models.generate_content_stream(**ASK))

    (span,) = delivered()
    assert len(got) == 3
    assert_content(span, streamed=True)


def test_of_a_long_stream_the_text_of_its_last_chunks_waits_for_the_export_thread(
    client: Any, wire: Any, collector: Any
) -> None:
    exporter = PROCESS.exporter
    assert exporter is not None
    wire.events([*chunks()[:2]] * 10 + [answer()])

    list(client.models.generate_content_stream(**ASK))
    (waiting,) = exporter._queue

    assert {type(event) for event in waiting.last_events} == {str}
    assert waiting.body_bytes == sum(len(event) for event in waiting.last_events)
    assert len(waiting.last_events) == LAST_EVENTS


@pytest.mark.parametrize("after", [1, 12])
def test_searches_in_the_middle_of_a_stream_are_charged_and_later_usage_counts(
    after: int, client: Any, wire: Any, delivered: Delivered
) -> None:
    grounded = answer({**USAGE, "candidatesTokenCount": 6}, None)
    grounded["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["one", "two"]}
    wire.events([*chunks()[:2] * 5, grounded, *[chunks()[1]] * after, answer()])

    list(client.models.generate_content_stream(**ASK))

    (span,) = delivered()
    assert span.attributes["tollbook.usage.web_search_requests"] == 1
    assert span.attributes["gen_ai.usage.output_tokens"] == 149 + 61
    assert span.attributes["gen_ai.response.finish_reasons"] == ["STOP"]


def test_a_picture_at_the_end_of_a_stream_is_not_kept_and_its_usage_counts(
    client: Any, wire: Any, collector: Any, delivered: Delivered
) -> None:
    exporter = PROCESS.exporter
    assert exporter is not None
    wire.events([*chunks()[:2], answer(text="A" * 100_000)])

    list(client.models.generate_content_stream(**ASK))
    (waiting,) = exporter._queue

    assert waiting.body_bytes < 10_000
    assert_content(delivered()[0], streamed=True)


async def test_an_async_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(chunks())

    got = [chunk async for chunk in await client.aio.models.generate_content_stream(**ASK)]
    await client.aio.aclose()

    (span,) = delivered()
    assert len(got) == 3
    assert_content(span, streamed=True)


def test_a_stream_that_is_dropped_says_what_was_seen_and_that_it_is_not_all(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.events(chunks())
    stream = client.models.generate_content_stream(**ASK)
    next(stream)

    del stream

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.usage.output_tokens"] == 5 + 61


def test_a_stream_that_is_closed_early_is_recorded_at_once(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.events(chunks())
    stream = client.models.generate_content_stream(**ASK)
    next(stream)

    stream.close()

    assert delivered()[0].attributes["tollbook.usage.complete"] is False


async def test_a_cancelled_stream_is_recorded_with_its_error(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    first, *rest = chunks()
    wire.events([first])
    wire.replies[0].content.append(None)
    started = asyncio.Event()

    async def read() -> None:
        async for _ in await client.aio.models.generate_content_stream(**ASK):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wire.release.set()
    await client.aio.aclose()

    (span,) = delivered()
    assert rest
    assert span.attributes["error.type"] == "CancelledError"
    assert span.attributes["tollbook.usage.complete"] is False


@pytest.mark.parametrize("status", [400, 429, 503])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"code": status, "message": SECRET, "status": "X"}}, status)

    with pytest.raises(genai.errors.APIError) as caught:
        client.models.generate_content(**ASK)

    (span,) = delivered()
    assert caught.value.code == status
    assert span.status_code == 2
    assert span.attributes["error.type"] == type(caught.value).__name__
    assert SECRET not in repr(span)


def test_a_stream_that_is_refused_is_recorded_as_an_error(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"code": 429, "message": SECRET, "status": "X"}}, 429)

    with pytest.raises(genai.errors.APIError):
        list(client.models.generate_content_stream(**ASK))

    (span,) = delivered()
    assert span.attributes["error.type"] == "ClientError"


def test_counts_that_the_provider_leaves_out_are_taken_from_the_total_or_not_at_all(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer({"promptTokenCount": 11, "totalTokenCount": 11}, "MAX_TOKENS"))
    wire.say(answer({"promptTokenCount": 11}))
    wire.say(answer(None))

    for _ in range(3):
        client.models.generate_content(**ASK)

    zero, unknown, nothing = (span.attributes for span in delivered())
    assert zero["gen_ai.usage.output_tokens"] == 0
    assert "gen_ai.usage.output_tokens" not in unknown
    assert "gen_ai.usage.input_tokens" not in nothing


def test_a_prompt_that_was_blocked_says_why(client: Any, wire: Any, delivered: Delivered) -> None:
    usage = {"promptTokenCount": 11, "totalTokenCount": 11}
    wire.say({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage})

    client.models.generate_content(**ASK)

    (span,) = delivered()
    assert span.attributes["gen_ai.response.finish_reasons"] == ["SAFETY"]


def test_embeddings_are_one_span_and_without_usage_where_none_was_said(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"embeddings": [{"values": [0.5]}]})

    client.models.embed_content(model="gemini-embedding-001", contents=[SECRET])

    (span,) = delivered()
    assert span.name == "embeddings gemini-embedding-001"
    assert not [name for name in span.attributes if "usage" in name or "cost" in name]


def test_vertex_counts_the_tokens_of_each_text(wire: Any, delivered: Delivered) -> None:
    statistics = [{"token_count": 5, "truncated": False}, {"token_count": 7, "truncated": False}]
    predictions = [{"embeddings": {"values": [0.5], "statistics": one}} for one in statistics]
    wire.say({"predictions": predictions, "metadata": {"billableCharacterCount": 40}})
    client = genai.Client(vertexai=True, api_key="k", http_options={"base_url": wire.url})

    client.models.embed_content(model="text-embedding-005", contents=[SECRET, "b"])
    client.close()

    (span,) = delivered()
    assert span.name == "embeddings text-embedding-005"
    assert span.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert span.attributes["gen_ai.usage.input_tokens"] == 5 + 7


@pytest.mark.filterwarnings("ignore:The generate_images method")
def test_images_are_a_call_with_their_number_and_without_tokens(
    wire: Any, delivered: Delivered
) -> None:
    client = genai.Client(vertexai=True, api_key="k", http_options={"base_url": wire.url})
    image = {"bytesBase64Encoded": "aGk=", "mimeType": "image/png"}
    refused = {"raiFilteredReason": SECRET}
    wire.say({"predictions": [image, image, refused]})

    said = client.models.generate_images(
        model="imagen-4.0-generate-001", prompt=SECRET, config={"number_of_images": 3}
    )
    client.close()

    (span,) = delivered()
    assert (
        sum(one.image is not None and bool(one.image.image_bytes) for one in said.generated_images)
        == 2
    )
    assert span.name == "generate_content imagen-4.0-generate-001"
    assert span.attributes["gen_ai.output.type"] == "image"
    assert span.attributes["gen_ai.request.choice.count"] == 3
    assert span.attributes["tollbook.usage.images"] == 2
    assert "tollbook.cost_usd" not in span.attributes
    assert "gen_ai.usage.input_tokens" not in span.attributes
    assert SECRET not in repr(span)


@pytest.mark.filterwarnings("ignore:The generate_videos method")
def test_a_video_is_a_call_whose_cost_is_unknown_and_not_zero(
    wire: Any, delivered: Delivered
) -> None:
    client = genai.Client(vertexai=True, api_key="k", http_options={"base_url": wire.url})
    wire.say({"name": "models/veo-3.0-generate-001/operations/o-1"})

    client.models.generate_videos(model="veo-3.0-generate-001", prompt=SECRET)
    client.close()

    (span,) = delivered()
    assert span.name == "generate_content veo-3.0-generate-001"
    assert span.attributes["gen_ai.output.type"] == "video"
    assert not [name for name in span.attributes if "usage" in name or "cost" in name]
    assert SECRET not in repr(span)


def test_answers_that_wait_are_bounded_by_their_bytes(
    client: Any, wire: Any, collector: Any
) -> None:
    exporter = PROCESS.exporter
    assert exporter is not None
    wire.say(answer())

    client.models.generate_content(**ASK)
    (waiting,) = exporter._queue

    assert waiting.body_bytes == len(waiting.body[0]) > len(SECRET)


def test_budgets_hold_and_content_leaves_by_choice(
    client: Any, wire: Any, collector: Any, delivered: Delivered
) -> None:
    tollbook.instrument(service="tests", endpoint=collector.url, content=["prompts", "answers"])
    wire.say(answer())

    with tollbook.budget(calls=1):
        client.models.generate_content(**ASK)
        with pytest.raises(tollbook.BudgetExceeded) as raised:
            client.models.generate_content(**ASK)

    made, stopped = delivered()
    assert raised.value.attempt.input_tokens >= len(SECRET) // 2
    assert raised.value.attempt.output_tokens == 256
    assert SECRET in made.attributes["gen_ai.input.messages"]
    assert SECRET in made.attributes["gen_ai.output.messages"]
    assert stopped.attributes["error.type"] == "BudgetExceeded"


def test_the_librarys_retries_are_one_span(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": {"code": 503, "message": SECRET, "status": "X"}}, 503)
    wire.say(answer())
    again = {"attempts": 2, "initial_delay": 0.01, "max_delay": 0.01}
    options = {"base_url": wire.url, "retry_options": again}

    with genai.Client(api_key="k", http_options=options) as client:
        client.models.generate_content(**ASK)

    (span,) = delivered()
    assert len(wire.requests) == 2
    assert_content(span)
    assert span.status_code == 0
    assert span.attributes["http.request.resend_count"] == 1


def test_the_librarys_retries_of_a_stream_are_one_span(wire: Any, delivered: Delivered) -> None:
    for _ in range(2):
        wire.say({"error": {"code": 503, "message": SECRET, "status": "X"}}, 503)
    wire.events(chunks())
    again = {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.01}
    options = {"base_url": wire.url, "retry_options": again}

    with genai.Client(api_key="k", http_options=options) as client:
        list(client.models.generate_content_stream(**ASK))
        list(client.models.generate_content_stream(**ASK))

    repeated, straight = delivered()
    assert len(wire.requests) == 4
    assert_content(repeated, streamed=True)
    assert repeated.attributes["http.request.resend_count"] == 2
    assert "http.request.resend_count" not in straight.attributes


async def test_the_librarys_retries_of_an_async_stream_are_one_span(
    wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"code": 503, "message": SECRET, "status": "X"}}, 503)
    wire.events(chunks())
    again = {"attempts": 2, "initial_delay": 0.01, "max_delay": 0.01}
    options = {"base_url": wire.url, "retry_options": again}

    async with genai.Client(api_key="k", http_options=options).aio as client:
        assert [_ async for _ in await client.models.generate_content_stream(**ASK)]

    (span,) = delivered()
    assert span.attributes["http.request.resend_count"] == 1


def test_a_stream_that_is_refused_each_time_says_how_often(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": {"code": 503, "message": SECRET, "status": "X"}}, 503)
    again = {"attempts": 3, "initial_delay": 0.01, "max_delay": 0.01}
    options = {"base_url": wire.url, "retry_options": again}

    with (
        genai.Client(api_key="k", http_options=options) as client,
        pytest.raises(genai.errors.ServerError),
    ):
        list(client.models.generate_content_stream(**ASK))

    (span,) = delivered()
    assert span.attributes["error.type"] == "ServerError"
    assert span.attributes["http.request.resend_count"] == 2


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(answer())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="gemini-2.5-pro"):
        for _ in range(2):
            client.models.generate_content(**ASK)

    first, second = delivered()
    assert [path.rpartition("/")[2] for path, _, _ in wire.requests] == [
        "gemini-2.5-flash:generateContent",
        "gemini-2.5-pro:generateContent",
    ]
    assert_content(first)
    assert second.attributes["gen_ai.request.model"] == "gemini-2.5-pro"
