"""Agents and queries of the real LlamaIndex, against a server that speaks OpenAI's protocol."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("llama_index.core")
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.llms.openai import OpenAI

from .openai_wire import SECRET, answer, assert_run

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

Delivered = Callable[[], list[Any]]


def weather(city: str) -> str:
    """Say the weather of a city."""
    return SECRET


def model(wire: Any) -> OpenAI:
    return OpenAI(model="gpt-4o", api_key="k", api_base=f"{wire.url}/v1", max_retries=0)


def chunk(delta: Any, reason: str | None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": reason}]
    return {**answer({}, ""), "object": "chat.completion.chunk", "choices": choices}


async def test_an_agent_is_a_run_with_its_tools_and_each_call_once(
    wire: Any, delivered: Delivered
) -> None:
    function = {"name": "weather", "arguments": json.dumps({"city": "Kyiv"})}
    asks = {"tool_calls": [{"index": 0, "id": "t-1", "type": "function", "function": function}]}
    wire.events([chunk(asks, None), chunk({}, "tool_calls")], done=True)
    wire.events([chunk({"content": SECRET}, None), chunk({}, "stop")], done=True)

    await FunctionAgent(tools=[weather], llm=model(wire), name="forecaster").run(SECRET)

    assert_run(delivered(), "forecaster")


def test_a_query_is_a_run_and_its_call_a_child(wire: Any, delivered: Delivered) -> None:
    wire.say(answer({"content": SECRET}, "stop"))

    class Ask(CustomQueryEngine):
        llm: Any

        def custom_query(self, query_str: str) -> str:
            return str(self.llm.chat([ChatMessage(role="user", content=query_str)]))

    Ask(llm=model(wire)).query(SECRET)

    call, run = delivered()
    assert (call.name, run.name) == ("chat gpt-4o", "invoke_agent Ask")
    assert call.parent_span_id == run.span_id
    assert SECRET not in repr(run)


def test_a_query_that_fails_leaves_no_run_behind(wire: Any, delivered: Delivered) -> None:
    wire.say(answer({"content": SECRET}, "stop"))

    class Broken(CustomQueryEngine):
        def custom_query(self, query_str: str) -> str:
            raise LookupError(query_str)

    with pytest.raises(LookupError):
        Broken().query(SECRET)
    model(wire).complete(SECRET)

    run, after = delivered()
    assert run.attributes["error.type"] == "LookupError"
    assert "tollbook.run.id" not in after.attributes
