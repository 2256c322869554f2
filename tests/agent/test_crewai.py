"""Crews of the real CrewAI, against a server that speaks OpenAI's protocol."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

# Where it is not installed, no other test may run with what is set for it.
if find_spec("crewai") is None:
    pytest.skip("could not import 'crewai'", allow_module_level=True)
os.environ.update({"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"})
os.environ["CREWAI_TRACING_ENABLED"] = "false"
crewai = pytest.importorskip("crewai")  # which lets its warnings pass
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

from .openai_wire import SECRET, assert_run, say_it

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

Delivered = Callable[[], list[Any]]


@tool("weather")
def weather(city: str) -> str:
    """Say the weather of a city."""
    return SECRET


def crew(wire: Any) -> Crew:
    model = LLM(model="openai/gpt-4o", api_key="k", base_url=f"{wire.url}/v1", max_retries=0)
    agent = Agent(role=SECRET, goal=SECRET, backstory=SECRET, tools=[weather], llm=model)
    task = Task(name="look", description=SECRET, expected_output=SECRET, agent=agent)
    return Crew(name="forecast", agents=[agent], tasks=[task])


def test_a_crew_is_a_run_with_its_tasks_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    say_it(wire)

    crew(wire).kickoff()

    spans = delivered()
    assert_run(spans, "forecast")
    (step,) = [span for span in spans if span.name == "invoke_workflow look"]
    calls = [span for span in spans if span.name == "chat gpt-4o"]
    assert {span.parent_span_id for span in calls} == {step.span_id}


async def test_an_async_crew_is_a_run_too(wire: Any, delivered: Delivered) -> None:
    say_it(wire)

    await crew(wire).kickoff_async()

    assert_run(delivered(), "forecast")


def test_a_crew_that_fails_is_recorded(wire: Any, delivered: Delivered) -> None:
    wire.say({"error": {"message": SECRET}}, 400)

    with pytest.raises(Exception, match="400"):
        crew(wire).kickoff()

    run = delivered()[-1]
    assert run.name == "invoke_agent forecast"
    assert run.status_code == 2
