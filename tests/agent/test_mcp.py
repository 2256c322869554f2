"""Tools of the real MCP library, called through a session in memory."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("mcp")
try:
    from mcp.server import MCPServer
except ImportError:  # before version 2
    from mcp.server.fastmcp import FastMCP as MCPServer

import tollbook

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"

server = MCPServer("weather-server")


@server.tool()
def weather(city: str) -> str:
    """Say the weather of a city."""
    if city == "nowhere":
        raise LookupError(city)
    return SECRET


def connected() -> Any:
    try:
        from mcp import Client
    except ImportError:  # before version 2
        from mcp.shared.memory import create_connected_server_and_client_session

        return create_connected_server_and_client_session(server._mcp_server)
    return Client(server)


async def test_a_tool_that_is_called_is_a_span_in_the_run(delivered: Delivered) -> None:
    async with connected() as client:
        with tollbook.run("forecast"):
            await client.call_tool("weather", {"city": SECRET})

    used, run = delivered()
    assert (used.name, run.name) == ("execute_tool weather", "invoke_agent forecast")
    assert used.parent_span_id == run.span_id
    assert used.attributes["gen_ai.tool.name"] == "weather"
    assert "error.type" not in used.attributes
    assert SECRET not in repr(used)


async def test_a_tool_that_fails_has_an_error(delivered: Delivered) -> None:
    async with connected() as client:
        await client.call_tool("weather", {"city": "nowhere"})

    (used,) = delivered()
    assert used.attributes["error.type"] == "tool_error"
    assert used.status_code == 2
