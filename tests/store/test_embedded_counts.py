"""What the embedded store's process counts of its requests, and tells its collector."""

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.address import COUNTS_PATH
from tollbook_collector.store.embedded.directory import StoreDirectory
from tollbook_collector.store.embedded.process import EmbeddedStore
from tollbook_collector.store.embedded.sandbox import clean_environment

from .conftest import TIMEOUT_S, Ask, until

# All of a store but one step, which fails as on a machine that has no thread left.
WITHOUT_HANDLES_AHEAD = """
import socket, sys
from pathlib import Path
from tollbook_collector.store.embedded import ahead, owner
def fails(self, wanted):
    raise RuntimeError("can't start new thread")
ahead.Ahead.prepare = fails
sys.exit(owner.own(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), lifeline=True))
"""


@dataclass
class Failing:
    """A store that opens no handle ahead, and what it writes to its log."""

    address: StoreAddress
    port: int
    log: Path

    def counts(self) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": self.address.password}
        connection.request("GET", COUNTS_PATH, headers=headers)
        counts: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return counts


@pytest.fixture(name="failing")
def _failing(tmp_path: Path) -> Iterator[Failing]:
    directory, log = tmp_path / "store", tmp_path / "log"
    secret = StoreDirectory(directory).prepare()
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as written:
        listener.set_inheritable(True)
        program = [sys.executable, "-c", WITHOUT_HANDLES_AHEAD]
        process = subprocess.Popen(
            [*program, str(directory), str(listener.fileno())],
            stdin=subprocess.PIPE,
            stderr=written,
            pass_fds=[listener.fileno()],
            env=clean_environment(os.environ, directory / "tmp"),
        )
        port = listener.getsockname()[1]
    yield Failing(StoreAddress(f"http://127.0.0.1:{port}", "default", secret), port, log)
    process.communicate(timeout=TIMEOUT_S)


def test_a_handle_that_cannot_be_opened_ahead_is_counted_logged_and_missed_by_no_question(
    failing: Failing,
) -> None:
    store = ClickHouse(failing.address)

    answers = [store.rows("SELECT {x:UInt8}", {"x": number}) for number in range(3)]
    store.close()

    assert [list(rows) for rows in answers] == [[(0,)], [(1,)], [(2,)]]
    assert until(lambda: failing.counts()["failures"] >= 3)
    assert "could not open a handle ahead of its request" in failing.log.read_text()


def test_who_leaves_before_the_end_is_counted(embedded_store: EmbeddedStore) -> None:
    before = embedded_store.counts()
    head = (
        "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: default\r\n"
        f"X-ClickHouse-Key: {embedded_store.address.password}\r\nContent-Length: 100\r\n\r\n"
    )
    port = int(embedded_store.address.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.sendall(f"{head}SELECT".encode())

    assert until(lambda: embedded_store.counts()["abandoned"] > before["abandoned"])
    assert embedded_store.counts()["failures"] == before["failures"]


def test_counts_are_told_to_nobody_without_the_password(ask: Ask) -> None:
    assert ask("GET", path=COUNTS_PATH, headers={}).status == 401
