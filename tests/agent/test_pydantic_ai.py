"""Agents of the real Pydantic AI, against a server that speaks OpenAI's protocol."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("pydantic_ai")
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import tollbook

from .openai_wire import SECRET, assert_run, say_it

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

Delivered = Callable[[], list[Any]]


def agent(wire: Any) -> Agent:
    client = AsyncOpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0)
    model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
    made: Agent = Agent(model, name="forecaster")

    @made.tool_plain
    def weather(city: str) -> str:
        if city == "nowhere":
            raise LookupError(city)
        return SECRET

    return made


async def test_an_agent_is_a_run_with_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    say_it(wire)

    await agent(wire).run(SECRET)

    assert_run(delivered(), "forecaster")


def test_an_agent_without_a_loop_is_a_run_too(wire: Any, delivered: Delivered) -> None:
    say_it(wire)

    agent(wire).run_sync(SECRET)

    assert_run(delivered(), "forecaster")


async def test_a_tool_that_fails_ends_the_run_with_its_error(
    wire: Any, delivered: Delivered
) -> None:
    say_it(wire, "nowhere")

    with pytest.raises(LookupError):
        await agent(wire).run(SECRET)

    errors = {span.name: span.attributes.get("error.type") for span in delivered()}
    assert errors["execute_tool weather"] == "LookupError"
    assert errors["invoke_agent forecaster"] == "LookupError"


async def test_an_agent_belongs_to_the_run_that_the_program_made(
    wire: Any, delivered: Delivered
) -> None:
    say_it(wire)

    with tollbook.run("refund") as run:
        await agent(wire).run(SECRET)

    assert {span.attributes["tollbook.run.id"] for span in delivered()} == {run.id}
