"""Agents of the real OpenAI Agents library, against a server that speaks OpenAI's protocol."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("agents")
from agents import Agent, OpenAIChatCompletionsModel, RunConfig, Runner, function_tool
from agents.tracing import set_tracing_disabled
from openai import AsyncOpenAI

from .openai_wire import SECRET, answer, assert_run, say_it

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

Delivered = Callable[[], list[Any]]


@function_tool
def weather(city: str) -> str:
    """Say the weather of a city."""
    return SECRET


@pytest.fixture(autouse=True)
def _no_export_to_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    set_tracing_disabled(False)


async def run(wire: Any) -> None:
    async with AsyncOpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        model = OpenAIChatCompletionsModel(model="gpt-4o", openai_client=client)
        agent = Agent(name="forecaster", instructions=SECRET, tools=[weather], model=model)
        await Runner.run(agent, SECRET, run_config=RunConfig(workflow_name="forecast"))


async def test_an_agent_is_a_run_with_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    say_it(wire)

    await run(wire)

    spans = delivered()
    assert_run(spans, "forecast")
    (agent,) = [span for span in spans if span.name == "invoke_workflow forecaster"]
    calls = [span for span in spans if span.name == "chat gpt-4o"]
    assert {span.parent_span_id for span in calls} == {agent.span_id}


async def test_a_streamed_run_leaves_nothing_behind_in_the_task_of_its_reader(
    wire: Any, delivered: Delivered
) -> None:
    delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunk = {**answer({}, "stop"), "object": "chat.completion.chunk", "usage": None}
    wire.events([{**chunk, "choices": [delta]}, {**chunk, "choices": [end]}], done=True)
    wire.say(answer({"content": SECRET}, "stop"))

    async with AsyncOpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        model = OpenAIChatCompletionsModel(model="gpt-4o", openai_client=client)
        streamed = Runner.run_streamed(Agent(name="forecaster", model=model), SECRET)
        async for _ in streamed.stream_events():
            pass
        await client.chat.completions.create(model="gpt-4o", messages=[])

    calls = [span for span in delivered() if span.name == "chat gpt-4o"]
    inside, after = calls
    assert inside.attributes["tollbook.run.name"] == "Agent workflow"
    assert "tollbook.run.id" not in after.attributes


async def test_a_run_that_fails_is_recorded(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": {"message": SECRET}}, 400)

    with pytest.raises(Exception, match="400"):
        await run(wire)

    names = [span.name for span in delivered()]
    assert sorted(names) == ["chat gpt-4o", "invoke_agent forecast", "invoke_workflow forecaster"]
