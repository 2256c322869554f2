"""Tags and parents: whose call it was, in threads and tasks."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

import tollbook
from tollbook.process import PROCESS
from tollbook.tag import TAG_NAME_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
Delivered = Callable[[], list[Any]]


def tags_of(span: Any) -> dict[str, str]:
    prefix = "tollbook.tags."
    return {k.removeprefix(prefix): v for k, v in span.attributes.items() if k.startswith(prefix)}


def test_tags_nest_and_end_with_their_block(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    create = openai_client.chat.completions.create

    with tollbook.tags(team="search", customer="acme"):
        with tollbook.tags(customer="zenith", feature="complete"):
            create(**CHAT)
        create(**CHAT)
    create(**CHAT)

    inner, outer, outside = map(tags_of, delivered())
    assert inner == {"team": "search", "customer": "zenith", "feature": "complete"}
    assert outer == {"team": "search", "customer": "acme"}
    assert outside == {}


def test_tags_of_instrument_hold_where_no_other_value_is_given(
    openai_client: openai.OpenAI, collector: Any, delivered: Delivered
) -> None:
    tollbook.instrument(endpoint=collector.url, tags={"team": "search", "region": "eu"})

    with tollbook.tags(team="ads", number=7):
        openai_client.chat.completions.create(**CHAT)

    assert tags_of(delivered()[0]) == {"team": "ads", "region": "eu", "number": "7"}


def test_tags_over_the_limits_are_cut_or_dropped_and_counted(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    many = {f"n{number}": "x" for number in range(TAGS_MAX)}

    with tollbook.tags(**{"k" * 100: "v" * 1000}), tollbook.tags(**many, empty=None):
        openai_client.chat.completions.create(**CHAT)

    lost = tollbook.flush(10).lost
    tags = tags_of(collector.spans[0])
    assert len(tags) == TAGS_MAX
    assert tags["k" * TAG_NAME_CHARS_MAX] == "v" * TAG_VALUE_CHARS_MAX
    assert lost["tag_cut"] == 1
    assert lost["tag_dropped"] == 2  # one tag too many, and the one without a value


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


def test_a_tag_that_cannot_become_text_does_not_reach_the_caller(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    with tollbook.tags(bad=Unspeakable(), good="yes"):
        openai_client.chat.completions.create(**CHAT)

    assert tollbook.flush(10).lost["fault"] == 1
    assert tags_of(collector.spans[0]) == {"good": "yes"}


async def test_leaving_a_block_in_another_context_does_not_reach_the_caller(
    collector: Any,
) -> None:
    async def generate() -> Any:
        with tollbook.tags(team="x"):
            yield 1
            yield 2

    generator = generate()
    await asyncio.create_task(anext(generator))

    await generator.aclose()

    assert PROCESS.losses.values()["fault"] == 1


def parent(number: int) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(number + 1, number + 101, False, TraceFlags(1)))


def assert_each_under_its_own(spans: list[Any], number_of_parents: int, calls: int) -> None:
    assert len(spans) == number_of_parents * calls
    seen: dict[str, int] = {}
    for span in spans:
        number = int(tags_of(span)["number"])
        assert int.from_bytes(span.trace_id, "big") == number + 1
        assert int.from_bytes(span.parent_span_id, "big") == number + 101
        seen[str(number)] = seen.get(str(number), 0) + 1
    assert set(seen.values()) == {calls}
    assert len({span.span_id for span in spans}) == len(spans)


def test_threads_keep_their_tags_and_parents(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        with use_span(parent(number)), tollbook.tags(number=number):
            barrier.wait()
            for _ in range(3):
                openai_client.chat.completions.create(**CHAT)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert_each_under_its_own(delivered(), 6, 3)


async def test_tasks_keep_their_tags_and_parents(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    async def work(number: int) -> None:
        with use_span(parent(number)), tollbook.tags(number=number):
            await async_openai_client.chat.completions.create(**CHAT)
            stream = await async_openai_client.chat.completions.create(**CHAT, stream=True)
            async for _ in stream:
                await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(10)))

    assert_each_under_its_own(await asyncio.to_thread(delivered), 10, 2)


def test_a_call_without_a_current_span_is_a_trace_of_its_own(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    openai_client.chat.completions.create(**CHAT)
    openai_client.chat.completions.create(**CHAT)

    first, second = delivered()
    assert first.parent_span_id == b""
    assert len(first.trace_id) == 16
    assert first.trace_id != second.trace_id


@pytest.mark.parametrize("read", [1, 20])
def test_a_stream_belongs_to_where_it_began_and_leaks_nothing_into_the_callers_context(
    read: int, openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    with use_span(parent(1)), tollbook.tags(number=1):
        stream = openai_client.chat.completions.create(**CHAT, stream=True)

    with use_span(parent(2)), tollbook.tags(number=2):
        for _ in zip(range(read), stream, strict=False):
            pass
        stream.close()

    (span,) = delivered()
    assert tags_of(span) == {"number": "1"}
    assert int.from_bytes(span.parent_span_id, "big") == 102
