"""Pydantic AI: each run of an agent, and the tools that are its functions.

Its own instrumentation is of single agents, repeats the usage of the calls and needs an
OpenTelemetry SDK; `iter` is what every way of running an agent comes down to.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import wraps
from types import ModuleType
from typing import Any

from tollbook.clients.task import RUN, TOOL, Tasks
from tollbook.process import Process


def patch(module: ModuleType, process: Process) -> None:
    """Meter a module of the library that holds its agents or its tools."""
    tasks = Tasks(process)
    if module.__name__ == "pydantic_ai.agent":
        module.Agent.iter = run_of(module.Agent.iter, tasks)
    else:
        toolset = module.FunctionToolset
        toolset.call_tool = tool_of(toolset.call_tool, tasks)


def run_of(iterate: Any, tasks: Tasks) -> Any:
    """Return what runs an agent, as a run."""

    @asynccontextmanager
    @wraps(iterate)
    async def run(agent: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with tasks.during(RUN, agent.name or "agent"):
            async with iterate(agent, *args, **kwargs) as steps:
                yield steps

    return run


def tool_of(call: Any, tasks: Tasks) -> Any:
    """Return what calls a tool, as a tool."""

    @wraps(call)
    async def call_tool(toolset: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        with tasks.during(TOOL, name):
            return await call(toolset, name, *args, **kwargs)

    return call_tool
