"""The API over a real store, for a tenant of the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from gates import PEPPER

from tollbook_collector.answer.api import create_api
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import QUERY, new_key
from tollbook_collector.store.client import ClickHouse


@dataclass
class Reading:
    """A collector that only answers."""

    store: ClickHouse
    key_desk: KeyDesk
    keyring: Keyring = field(default_factory=lambda: Keyring(PEPPER))
    allowance: Allowance = field(default_factory=Allowance)
    user_sql: bool = True

    def share_keys(self) -> None:
        """Do nothing: no key is changed here."""

    def status(self) -> dict[str, Any]:
        return {}

    def faults(self) -> list[str]:
        return []


@pytest.fixture
def api(priced: ClickHouse, tenant: str, tmp_path: Path) -> Iterator[TestClient]:
    """The API of a collector, asked with a key of the test's own tenant."""
    collector = Reading(priced, KeyDesk(KeyFile(tmp_path)))
    key, token = new_key(PEPPER, tenant, (QUERY,))
    collector.keyring.put({key.id: key})
    with TestClient(create_api(collector), headers={"authorization": f"Bearer {token}"}) as client:
        yield client
