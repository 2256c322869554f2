"""Answers in OpenAI's shape that lead an agent of any framework through one tool."""

import json
from typing import Any, Final

SECRET: Final = "a-word-that-must-not-leave"
USAGE: Final = {"prompt_tokens": 11, "completion_tokens": 13, "total_tokens": 24}


def answer(message: Any, reason: str) -> dict[str, Any]:
    """Return a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
    return {**said, "choices": [choice], "usage": USAGE}


def ask_for_the_tool(city: str = "Kyiv") -> dict[str, Any]:
    """Return an answer that asks for the tool `weather`."""
    function = {"name": "weather", "arguments": json.dumps({"city": city})}
    calls = [{"id": "t-1", "type": "function", "function": function}]
    return answer({"content": None, "tool_calls": calls}, "tool_calls")


def say_it(wire: Any, city: str = "Kyiv") -> None:
    """Let a server ask for the tool, and then answer."""
    wire.say(ask_for_the_tool(city))
    wire.say(answer({"content": SECRET}, "stop"))


def assert_run(spans: list[Any], name: str, *, tool: str = "weather") -> None:
    """Two calls and a tool in one run, and usage on the calls alone, once each."""
    (run,) = [span for span in spans if span.name == f"invoke_agent {name}"]
    calls = [span for span in spans if span.name == "chat gpt-4o"]
    (used,) = [span for span in spans if span.name == f"execute_tool {tool}"]
    ids = {span.span_id for span in spans}
    assert len(calls) == 2
    assert {span.trace_id for span in spans} == {run.trace_id}
    assert {span.attributes["tollbook.run.id"] for span in spans} == {
        run.attributes["tollbook.run.id"]
    }
    assert {span.attributes["tollbook.run.name"] for span in spans} == {name}
    assert run.parent_span_id == b""
    assert all(span.parent_span_id in ids for span in spans if span is not run)
    assert [span for span in spans if "gen_ai.usage.input_tokens" in span.attributes] == calls
    assert used.attributes["gen_ai.tool.name"] == tool
    assert SECRET not in repr(spans)
