"""The audit: who saw and changed what."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tollbook_collector.answer import audit as module
from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.audit import Audit, Seen
from tollbook_collector.intake.keys import ADMIN, QUERY
from tollbook_collector.store.client import ClickHouse, StoreUnavailable

from .test_login import Keyed

SQL = "SELECT count() FROM calls"


def seen(path: str = "/") -> Seen:
    return Seen("acme", "k", "k", "viewer", "127.0.0.1", "GET", path, "", 200)


def test_what_was_seen_and_changed_is_shown_to_admins(
    priced: ClickHouse, tenant: str, tmp_path: Path
) -> None:
    collector = Keyed(priced, tenant, tmp_path)
    client = TestClient(create_api(collector))

    def ask(method: str, path: str, scope: str, **rest: Any) -> int:
        headers = {
            "authorization": f"Bearer {collector.tokens[scope]}",
            "content-type": "text/plain",
        }
        return client.request(method, path, headers=headers, **rest).status_code

    for _ in range(3):
        ask("GET", "/v1/spend?by=team", QUERY)
    ask("POST", "/v1/sql", QUERY, content=SQL)
    ask("POST", "/v1/months/2020-01/close", QUERY)
    client.get("/v1/spend")
    client.get("/health")
    collector.audit.write()
    headers = {"authorization": f"Bearer {collector.tokens[ADMIN]}"}
    rows = client.get("/v1/audit", headers=headers).json()["rows"]
    changes = client.get("/v1/audit?changes=true", headers=headers).json()["rows"]

    told = {
        (row["method"], row["path"], row["detail"], row["status"], row["times"]) for row in rows
    }
    assert ("GET", "/v1/spend", "by=team", 200, 3) in told
    assert ("POST", "/v1/sql", SQL, 200, 1) in told
    assert ("POST", "/v1/months/2020-01/close", "", 403, 1) in told
    assert {row["actor"] for row in rows} == {collector.keys[QUERY].id}
    assert {row["role"] for row in rows} == {"analyst"}
    assert {row["path"] for row in changes} == {"/v1/sql", "/v1/months/2020-01/close"}
    assert ask("GET", "/v1/audit", QUERY) == 403


class Away:
    """A store that comes back."""

    def __init__(self) -> None:
        self.back = False
        self.rows: list[Sequence[Any]] = []

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if not self.back:
            raise StoreUnavailable("away")
        self.rows += rows


def test_nothing_is_lost_while_the_store_is_away() -> None:
    store = Away()
    audit = Audit(lambda: store)
    audit.note(seen())
    with pytest.raises(StoreUnavailable):
        audit.write()
    audit.note(seen())
    store.back = True

    audit.write()
    audit.write()

    assert [row[-1] for row in store.rows] == [2]


def test_a_full_queue_counts_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    audit = Audit(Away)

    for number in range(5):
        audit.note(seen(f"/{number}"))
    audit.note(seen("/0"))

    assert audit.left_out == 3
