"""The Model Context Protocol's library: each tool that a client calls."""

from functools import wraps
from types import ModuleType
from typing import Any

from tollbook.clients.task import TOOL, Tasks
from tollbook.process import Process


def patch(module: ModuleType, process: Process) -> None:
    """Make a span of each call of a tool, given the module `mcp.client.session`."""
    tasks, session = Tasks(process), module.ClientSession
    call = session.call_tool

    @wraps(call)
    async def call_tool(self: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        key = object()
        tasks.begin(TOOL, name, key, None)
        try:
            result = await call(self, name, *args, **kwargs)
        except BaseException as error:
            tasks.end(key, error if isinstance(error, Exception) else None)
            raise
        refused = getattr(result, "is_error", None) or getattr(result, "isError", None)
        tasks.end(key, "tool_error" if refused else None)
        return result

    session.call_tool = call_tool
