"""A collector as its users run it: a process, on free ports, with its own directory."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

START_S = 180.0
ANSWER_S = 120.0  # for one request, on a machine that does much else
# The canary would be counted with what a test sends.
QUIET = {"COLUMNS": "200", "PYTHONUNBUFFERED": "1", "TOLLBOOK_CANARY_EVERY_S": "0"}
# What a collector says of itself at its start, in this order.
NAMES = ("OTLP/HTTP", "OTLP/gRPC", "API", "store")


@dataclass
class RunningCollector:
    """A collector's process and where it can be reached."""

    process: subprocess.Popen[str]
    otlp_http: str
    otlp_grpc: str
    api: str
    log: Path
    store: str = ""

    def export(self, body: bytes) -> int:
        """Send an export request and return the status."""
        headers = {"content-type": "application/x-protobuf"}
        message = urllib.request.Request(f"{self.otlp_http}/v1/traces", body, headers)
        try:
            with urllib.request.urlopen(message, timeout=ANSWER_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def get(self, path: str) -> Any:
        """Return the JSON of an answer of the API, whatever its status."""
        try:
            with urllib.request.urlopen(f"{self.api}{path}", timeout=ANSWER_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a user's statement."""
        url = f"{self.api}/v1/sql?format=json"
        message = urllib.request.Request(url, statement.encode(), {"content-type": "text/plain"})
        with urllib.request.urlopen(message, timeout=ANSWER_S) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def wait_loaded(self, timeout_s: float = START_S) -> None:
        """Wait until nothing is in the spool."""

        def empty() -> bool:
            spool = self.get("/health")["spool"]
            return bool(spool["waiting_bytes"] == 0)

        wait_until(empty, timeout_s)

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(START_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


StartCollector = Callable[..., RunningCollector]


@pytest.fixture(scope="session")
def made_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a store with all tables and prices: making them anew takes 4 s of CPU.

    The first worker makes them, and the others wait for it.
    """
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made"
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = directory / "done"
        if not done.exists():
            with EmbeddedStore(directory / "store") as store:
                address = store.address
                database = ClickHouse(StoreAddress(address.url, address.user, address.password))
                sql.migrate(database)
                put_in_force(database, read_book())
                database.close()
            done.touch()
    return directory / "store" / "data"


@pytest.fixture
def start_collector(tmp_path: Path, made_store: Path) -> Iterator[StartCollector]:
    """Start collectors; those still running are stopped at the end."""
    yield from _starting(tmp_path, made_store)


@pytest.fixture(scope="module")
def module_collector(
    tmp_path_factory: pytest.TempPathFactory, made_store: Path
) -> Iterator[StartCollector]:
    """Start collectors that the tests of a module share."""
    yield from _starting(tmp_path_factory.mktemp("collectors"), made_store)


def _starting(tmp_path: Path, made_store: Path) -> Iterator[StartCollector]:
    started: list[RunningCollector] = []

    def start(data: Path | None = None, *arguments: str, **environment: str) -> RunningCollector:
        data = data or tmp_path / "data"
        if not (data / "store").exists():
            shutil.copytree(made_store, data / "store" / "data", symlinks=True)
        log = tmp_path / f"collector-{len(started)}.log"
        command = [sys.executable, "-m", "tollbook_collector", "up"]
        command += ["--data", str(data)]
        # Senders of tests that have ended try their ports on 127.0.0.1 again, and would be counted.
        command += ["--otlp-http", "127.0.0.2:0", "--otlp-grpc", "127.0.0.2:0"]
        command += ["--api", "127.0.0.1:0"]
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*command, *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **QUIET, **environment},
            )
        addresses = _addresses(process, log)
        collector = RunningCollector(process, *addresses[:3], log, addresses[3])
        started.append(collector)
        return collector

    yield start
    for collector in started:
        collector.stop()


def _addresses(process: "subprocess.Popen[str]", log: Path) -> tuple[str, ...]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("Next:"):
            break
    found = [re.search(rf"{name}\s+(\S+)", text) for name in NAMES]
    if not all(found):
        process.wait(START_S)
        pytest.fail(f"the collector did not start:\n{text}\n{log.read_text()}")
    return tuple(match[1].removesuffix("/v1/traces") for match in found if match)


@pytest.fixture
def collector(start_collector: StartCollector) -> RunningCollector:
    """A running collector."""
    return start_collector()
