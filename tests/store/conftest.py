"""One embedded store for all tests of this folder, and the ways to talk to it."""

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tollbook_collector.store.embedded.process import EmbeddedStore

DATABASE = "store_test"
TIMEOUT_S = 30
PAUSE_S = 0.01


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        return self.headers.get("x-clickhouse-exception-code")

    @property
    def summary(self) -> dict[str, str]:
        read: dict[str, str] = json.loads(self.headers["x-clickhouse-summary"])
        return read


Ask = Callable[..., Reply]


@pytest.fixture(scope="session")
def embedded_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    path: Path = tmp_path_factory.mktemp("store") / "data-directory"
    with EmbeddedStore(path) as store:
        yield store


def until(condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + TIMEOUT_S
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(PAUSE_S)
    return True


def connect(store: EmbeddedStore, **options: Any) -> Client:
    address = urlsplit(store.address.url)
    return clickhouse_connect.get_client(
        host=address.hostname,
        port=address.port or 0,
        username=store.address.user,
        password=store.address.password,
        **options,
    )


@pytest.fixture(scope="session")
def connected(embedded_store: EmbeddedStore) -> Iterator[Client]:
    client = connect(embedded_store)
    client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    yield client
    client.close()


@pytest.fixture
def client(connected: Client, embedded_store: EmbeddedStore) -> Iterator[Client]:
    client = connect(embedded_store, database=DATABASE)
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex}"
    client.command(f"CREATE TABLE {name} (a Int64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    client.command(f"DROP TABLE IF EXISTS {name}")


def exchange(store: EmbeddedStore) -> Ask:
    address = urlsplit(store.address.url)

    def ask(
        method: str = "POST",
        body: Any = None,
        path: str = "/",
        headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> Reply:
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=TIMEOUT_S
        )
        known = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": store.address.password}
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        try:
            connection.request(method, target, body, known if headers is None else headers)
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, fields, answer.read())
        finally:
            connection.close()

    return ask


@pytest.fixture
def ask(embedded_store: EmbeddedStore) -> Ask:
    return exchange(embedded_store)
