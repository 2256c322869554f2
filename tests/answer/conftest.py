"""The API over a real store, for a tenant of the test's own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from gates import PEPPER

from tollbook_collector.answer.api import create_api
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import OPEN_KEY, Keyring
from tollbook_collector.intake.keys import Key
from tollbook_collector.store.client import ClickHouse


class RingOf(Keyring):
    """A keyring that lets everybody in as one tenant, as an open collector does."""

    def __init__(self, tenant: str) -> None:
        super().__init__(PEPPER)
        self._everybody = replace(OPEN_KEY, tenant=tenant)

    def check(self, token: str, scope: str, source: str) -> Key:
        return self._everybody


class Reading:
    """A collector that only answers, as a tenant of the test's own."""

    def __init__(self, store: ClickHouse, tenant: str) -> None:
        self.store = store
        self.keyring = RingOf(tenant)
        self.allowance = Allowance()
        self.key_desk = KeyDesk(KeyFile(Path("no-such-directory")))
        self.user_sql = True

    def share_keys(self) -> None:
        """Do nothing: no key is changed here."""

    def status(self) -> dict[str, Any]:
        return {}

    def doubts(self) -> list[str]:
        return []

    def faults(self) -> list[str]:
        return []


@pytest.fixture
def api(priced: ClickHouse, tenant: str) -> Iterator[TestClient]:
    """The API of a collector whose tenant is the test's own."""
    with TestClient(create_api(Reading(priced, tenant)), raise_server_exceptions=True) as client:
        yield client
