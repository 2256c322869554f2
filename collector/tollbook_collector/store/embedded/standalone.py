"""The embedded store run alone: `tollbook store --path DIR`."""

import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from tollbook_collector.store.embedded.directory import (
    AlreadyOwned,
    SecretExposed,
    StoreDirectory,
)
from tollbook_collector.store.embedded.owner import EXIT_ALREADY_OWNED, EXIT_REFUSED
from tollbook_collector.store.embedded.process import EmbeddedStore, StoreFailedToStart

SCREEN: Final = """\
The embedded store serves {path}
  ClickHouse's HTTP interface   {url}
  user                          {user}
  password                      in {secret}
  sandbox                       {sandbox}

Try it:
  curl -u "{user}:$(cat {secret})" {url} --data-binary "SELECT version()"
Stop it with Ctrl-C: running inserts are finished first.
"""


def serve(path: Path, listen: str, as_json: bool = False) -> int:
    """Serve the store in `path` on HOST:PORT until SIGINT or SIGTERM.

    Args:
        path: Its directory.
        listen: HOST:PORT.
        as_json: Whether its address is said in JSON.

    Returns:
        The exit status: 0 after a clean stop, 3 if another process owns the directory, 2 if the
        store cannot start.
    """
    told = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    store = EmbeddedStore(path, listen)
    try:
        store.start()
    except AlreadyOwned:
        return EXIT_ALREADY_OWNED  # the process has said so
    except (StoreFailedToStart, SecretExposed, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    else:
        directory = StoreDirectory(path.resolve())
        address = store.address
        said = {"path": str(directory.path), "url": address.url, "user": address.user}
        said["secret"] = str(directory.secret_file)
        if as_json:
            sys.stdout.write(json.dumps({**said, "sandboxed": address.sandboxed}) + "\n")
        else:
            sandbox = "on" if address.sandboxed else "OFF: SQL of users stays off"
            sys.stdout.write(SCREEN.format(**said, sandbox=sandbox))
        sys.stdout.flush()
        told.wait()
        store.stop()
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
