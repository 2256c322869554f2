"""The API over a real store, for a tenant of the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tollbook_collector.answer.api import create_api
from tollbook_collector.store.client import ClickHouse


@dataclass
class Reading:
    """A collector that only answers."""

    store: ClickHouse
    tenant: str
    user_sql: bool = True

    def status(self) -> dict[str, Any]:
        return {}

    def faults(self) -> list[str]:
        return []


@pytest.fixture
def api(priced: ClickHouse, tenant: str) -> Iterator[TestClient]:
    """The API of a collector whose tenant is the test's own."""
    with TestClient(create_api(Reading(priced, tenant)), raise_server_exceptions=True) as client:
        yield client
