"""The store's own process before the engine: own the directory, then enter the sandbox."""

import importlib
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tollbook_collector.store.embedded import sandbox
from tollbook_collector.store.embedded.directory import (
    AlreadyOwned,
    SecretExposed,
    StoreDirectory,
)
from tollbook_collector.store.embedded.limits import limits_of_this_machine

EXIT_REFUSED: Final = 2
EXIT_ALREADY_OWNED: Final = 3
SERVICE: Final = "tollbook_collector.store.embedded.service"


def own(path: Path, listener: socket.socket, *, lifeline: bool) -> int:
    """Own the store in `path` and serve it on `listener` until told to stop.

    Args:
        path: The data directory, absolute.
        listener: A bound socket. No other can be opened once the sandbox stands.
        lifeline: Whether standard input is a pipe from the parent, whose end is ours too.

    Returns:
        The exit status: 0 after a clean stop, 3 if another process owns the directory, 2 if the
        directory cannot be used.
    """
    directory = StoreDirectory(path)
    try:
        secret = directory.prepare()
        lock = directory.own()
    except AlreadyOwned as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_ALREADY_OWNED
    except (SecretExposed, OSError) as error:
        sys.stderr.write(f"The embedded store in {path} cannot start: {error}\n")
        return EXIT_REFUSED
    try:
        directory.clear_temporary()
        limits = limits_of_this_machine()
        held = _enter_sandbox(directory)
        # Only now, and on a thread of its own. The engine's library opens an engine when it is
        # loaded, and the threads of it would stay outside of a sandbox entered later. On the main
        # thread it would look for its stack in /proc, which the sandbox has closed.
        with ThreadPoolExecutor(1, "engine") as thread:
            service = thread.submit(importlib.import_module, SERVICE).result()
            engine = thread.submit(service.Engine, directory.data, limits).result()
            try:
                service.serve(engine, directory, secret, listener, held, lifeline=lifeline)
            finally:
                thread.submit(engine.close).result()
    finally:
        os.close(lock)
    return 0


def _enter_sandbox(directory: StoreDirectory) -> sandbox.Sandbox:
    sandbox.limit_process()
    held = sandbox.enter([directory.data, directory.temporary])
    if not held.complete:
        sys.stderr.write(
            f"The embedded store runs without its sandbox, for want of {', '.join(held.missing)}: "
            "SQL of users stays off.\n"
        )
    return held
