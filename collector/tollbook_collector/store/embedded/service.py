"""The store's own process behind the sandbox: the engine's HTTP interface, from start to stop.

Import this module only behind the sandbox, as `engine`.
"""

import asyncio
import os
import signal
import socket
from types import FrameType
from typing import Final

import uvicorn
import uvloop

from tollbook_collector.store.embedded.address import BACKLOG_CONNECTIONS
from tollbook_collector.store.embedded.directory import StoreDirectory
from tollbook_collector.store.embedded.engine import Engine
from tollbook_collector.store.embedded.interface import Interface
from tollbook_collector.store.embedded.sandbox import Sandbox

__all__ = ["Engine", "serve"]

KEEP_ALIVE_S: Final = 30
# What a shutdown gives running inserts before it cuts them off; they are repeated, not lost.
SHUTDOWN_S: Final = 25
# How often the wish to stop is looked at.
STOP_POLL_S: Final = 0.1


def serve(
    engine: Engine,
    directory: StoreDirectory,
    secret: str,
    listener: socket.socket,
    sandbox: Sandbox,
    *,
    lifeline: bool,
) -> None:
    """Serve an engine on `listener` until told to stop.

    Args:
        engine: The engine, open.
        directory: The data directory, owned by this process.
        secret: The password of the user `default`.
        listener: A bound socket. No other can be opened once the sandbox stands.
        sandbox: What the kernel holds this process to, told to every client.
        lifeline: Whether standard input is a pipe from the parent, whose end is ours too.
    """
    os.chdir(directory.data)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        interface = Interface(engine, secret, directory.temporary, sandboxed=sandbox.complete)
        runner.run(_serve(interface, listener, lifeline=lifeline))
    interface.close()


async def _serve(interface: Interface, listener: socket.socket, *, lifeline: bool) -> None:
    # uvicorn raises the signal that stopped it once more when it has stopped: it must find this.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    server = uvicorn.Server(
        uvicorn.Config(
            interface,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    if lifeline:
        asyncio.get_running_loop().add_reader(0, _stop_at_end, server)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.should_exit or serving.done()):
        await asyncio.sleep(STOP_POLL_S)
    await interface.stop_reading()
    await serving


def _stop_at_end(server: uvicorn.Server) -> None:
    if not os.read(0, 1):
        asyncio.get_running_loop().remove_reader(0)
        server.should_exit = True


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass
