"""Calls in tasks of trio, which has its own loop and cancels in its own way."""

from collections.abc import Callable
from typing import Any

import openai
import pytest

import tollbook

trio = pytest.importorskip("trio")

# trio says of generators of openai's own that they were not closed, with and without us.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9}
Delivered = Callable[[], list[Any]]


def test_tasks_of_trio_keep_their_tags_and_are_a_span_each(
    provider: Any, delivered: Delivered
) -> None:
    async def ask(client: openai.AsyncOpenAI, number: int) -> None:
        with tollbook.tags(number=number):
            if number % 2:
                await client.chat.completions.create(**CHAT)
            else:
                async for _ in await client.chat.completions.create(**CHAT, stream=True):
                    pass

    async def main() -> None:
        async with (
            openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1") as client,
            trio.open_nursery() as nursery,
        ):
            for number in range(8):
                nursery.start_soon(ask, client, number)

    trio.run(main)

    spans = delivered()
    numbers = [span.attributes["tollbook.tags.number"] for span in spans]
    assert sorted(numbers) == [str(number) for number in range(8)]
    assert all(span.status_code == 0 for span in spans)


def test_a_stream_that_trio_cancels_is_recorded_at_once(
    provider: Any, delivered: Delivered
) -> None:
    provider.hold_after = 2

    async def main() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1") as client:
            with trio.CancelScope() as scope:
                async for _ in await client.chat.completions.create(**CHAT, stream=True):
                    scope.cancel()

    trio.run(main)

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


def test_a_budget_holds_in_trio(provider: Any, delivered: Delivered) -> None:
    refused: list[tollbook.BudgetExceeded] = []

    async def ask(client: openai.AsyncOpenAI) -> None:
        try:
            await client.chat.completions.create(**CHAT)
        except tollbook.BudgetExceeded as error:
            refused.append(error)

    async def main() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1") as client:
            with tollbook.budget(calls=3):
                async with trio.open_nursery() as nursery:
                    for _ in range(8):
                        nursery.start_soon(ask, client)

    trio.run(main)

    assert len(refused) == 5
    assert len(provider.bodies) == 3
