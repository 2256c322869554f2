"""Agents and chains of the real LangChain, against a server that speaks OpenAI's protocol."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langchain")
from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import tollbook

# Of the library itself, about newer versions of what it uses.
pytestmark = pytest.mark.filterwarnings("ignore")

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
USAGE: Any = {"prompt_tokens": 11, "completion_tokens": 13, "total_tokens": 24}


def answer(message: Any, reason: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
    return {**said, "choices": [choice], "usage": USAGE}


def ask_for_the_tool(arguments: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": json.dumps(arguments)}
    calls = [{"id": "t-1", "type": "function", "function": function}]
    return answer({"content": None, "tool_calls": calls}, "tool_calls")


@tool
def weather(city: str) -> str:
    """Say the weather of a city."""
    if city == "nowhere":
        raise LookupError(city)
    return SECRET


def model(wire: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-4o", api_key="k", base_url=f"{wire.url}/v1", max_retries=0)


def by_name(spans: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for span in spans:
        found.setdefault(span.name, []).append(span)
    return found


def assert_agent(spans: list[Any]) -> None:
    """Two calls and a tool in a run; each call in its node, each billed once."""
    found = by_name(spans)
    (run,) = [span for span in spans if span.name.startswith("invoke_agent ")]
    calls, (used,) = found["chat gpt-4o"], found["execute_tool weather"]
    steps = {span.span_id: span for span in spans if span.name.startswith("invoke_workflow ")}
    assert len(calls) == 2
    assert {span.trace_id for span in spans} == {run.trace_id}
    assert {span.attributes["tollbook.run.id"] for span in spans} == {
        run.attributes["tollbook.run.id"]
    }
    assert all(span.parent_span_id in steps for span in [*calls, used])
    assert all(span.parent_span_id == run.span_id for span in steps.values())
    assert [span for span in spans if "gen_ai.usage.input_tokens" in span.attributes] == calls
    assert used.attributes["gen_ai.tool.name"] == "weather"
    assert SECRET not in repr(spans)


def test_an_agent_is_a_run_with_its_nodes_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    wire.say(ask_for_the_tool({"city": "Kyiv"}))
    wire.say(answer({"content": SECRET}, "stop"))

    create_agent(model(wire), [weather]).invoke({"messages": [("user", SECRET)]})

    assert_agent(delivered())


async def test_an_async_agent_is_a_run_with_its_nodes_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    wire.say(ask_for_the_tool({"city": "Kyiv"}))
    wire.say(answer({"content": SECRET}, "stop"))

    await create_agent(model(wire), [weather]).ainvoke({"messages": [("user", SECRET)]})

    assert_agent(delivered())


def test_a_tool_that_fails_has_its_error(wire: Any, delivered: Delivered) -> None:
    wire.say(ask_for_the_tool({"city": "nowhere"}))

    with pytest.raises(LookupError):
        create_agent(model(wire), [weather]).invoke({"messages": [("user", SECRET)]})

    (used,) = by_name(delivered())["execute_tool weather"]
    assert used.attributes["error.type"] == "LookupError"
    assert used.status_code == 2


def test_a_chain_is_a_run_and_its_pieces_are_no_steps(wire: Any, delivered: Delivered) -> None:
    wire.say(answer({"content": SECRET}, "stop"))
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])

    (prompt | model(wire) | StrOutputParser()).invoke({"question": SECRET})

    call, run = delivered()
    assert (call.name, run.name) == ("chat gpt-4o", "invoke_agent RunnableSequence")
    assert call.parent_span_id == run.span_id


def test_a_chain_belongs_to_the_run_that_the_program_made(wire: Any, delivered: Delivered) -> None:
    wire.say(answer({"content": SECRET}, "stop"))

    with tollbook.run("refund") as run, tollbook.tags(team="search"):
        (model(wire) | StrOutputParser()).invoke(SECRET)

    call, chain, outer = delivered()
    assert {span.attributes["tollbook.run.id"] for span in (call, chain, outer)} == {run.id}
    assert call.parent_span_id == chain.span_id
    assert chain.parent_span_id == outer.span_id
    assert chain.attributes["tollbook.tags.team"] == "search"


def test_a_stream_that_is_given_up_leaves_no_run_behind(wire: Any, delivered: Delivered) -> None:
    delta = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    chunk = {**answer({}, "stop"), "choices": [delta], "usage": None}
    wire.events([{**chunk, "object": "chat.completion.chunk"}] * 8, done=True)
    stream = (model(wire) | StrOutputParser()).stream(SECRET)
    next(stream)

    stream.close()

    wire.replies.clear()
    wire.say(answer({"content": SECRET}, "stop"))
    model(wire).invoke(SECRET)
    streamed, later = [span for span in delivered() if span.name == "chat gpt-4o"]
    assert streamed.attributes["tollbook.run.name"] == "RunnableSequence"
    assert "tollbook.run.id" not in later.attributes
