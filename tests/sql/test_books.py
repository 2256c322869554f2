"""The books: what a client lost is in them, and an imbalance that stays is found."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from otlp_requests import Span, request

from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.books import LOOKS, Books
from tollbook_collector.store.client import ClickHouse, StoreUnavailable


@pytest.fixture
def balanced(migrated: ClickHouse) -> ClickHouse:
    """A migrated database with nothing in its books, for what is over all tenants."""
    for table in ("spans", "accounts"):
        migrated.command("TRUNCATE TABLE {table:Identifier}", {"table": table})
    return migrated


def put(
    clickhouse: ClickHouse,
    tenant: str,
    spans: list[Span],
    instance: str = "process-1",
    accepted: int | None = None,
) -> None:
    body = request(spans, {"service.name": "s", "service.instance.id": instance})
    received_ns = int(datetime.now(UTC).timestamp()) * 1_000_000_000
    number = len(spans) if accepted is None else accepted
    envelope = Envelope(tenant, "key1", received_ns, 1, number, body)
    clickhouse.insert_segment(header() + record(envelope), uuid.uuid4().hex)


def report(sequence: int, **lost: int) -> Span:
    attributes: dict[str, Any] = {
        "tollbook.report.sequence": sequence,
        "tollbook.report.ended": 100,
        "tollbook.report.delivered": 90,
        **{f"tollbook.report.lost.{reason}": number for reason, number in lost.items()},
    }
    return Span(attributes, name="tollbook.report")


def books(clickhouse: ClickHouse, tenant: str, columns: str) -> list[tuple[Any, ...]]:
    statement = f"SELECT {columns} FROM books WHERE tenant = {{tenant:String}}"
    return [tuple(row) for row in clickhouse.rows(statement, {"tenant": tenant})]


def test_what_a_client_lost_is_in_the_books_as_its_last_report_says(
    migrated: ClickHouse, tenant: str
) -> None:
    put(migrated, tenant, [Span(), report(1, queue_full=3)])
    put(migrated, tenant, [report(2, queue_full=5, tag_cut=7)])
    put(migrated, tenant, [report(2, queue_full=5, tag_cut=7)])
    put(migrated, tenant, [report(1, backlog_full=2)], instance="process-2")

    found = books(migrated, tenant, "received, stored, imbalance, client_dropped, fates")

    # 5 of the first process, whose reports are cumulative, and 2 of the second.
    assert [row[:4] for row in found] == [(5, 5, 0, 7)]
    fates = found[0][4]
    assert (fates["client:queue_full"], fates["client:backlog_full"]) == (5, 2)
    assert fates["client:tag_cut"] == 7


def test_an_imbalance_is_a_fault_once_it_stays(balanced: ClickHouse, tenant: str) -> None:
    put(balanced, tenant, [Span(), Span()], accepted=5)
    checker = Books(lambda: balanced)

    for _ in range(LOOKS - 1):
        checker.check()
    early = checker.faults()
    checker.check()

    assert early == []
    assert "3 items are missing and 0 too many, of 1 tenant in 1 hours" in checker.faults()[0]
    assert tenant not in checker.faults()[0]
    assert checker.counts() == {"missing": 3, "too_many": 0}


def test_an_imbalance_that_passes_is_none(balanced: ClickHouse, tenant: str) -> None:
    put(balanced, tenant, [Span()], accepted=2)
    checker = Books(lambda: balanced)
    checker.check()
    put(balanced, tenant, [Span(), Span()], accepted=1)

    for _ in range(LOOKS):
        checker.check()

    assert checker.faults() == []


@pytest.mark.parametrize(
    ("seen", "missing", "too_many"),
    [
        ([1, 0, 1, 1], 0, 0),  # the canary's, each time that of another insert
        ([903, 3, 4_003, 1_003], 3, 0),  # beside what was under way
        ([-2, -2, -7, -2], 0, 2),
        ([2, 2, -2, 2], 0, 0),
    ],
)
def test_what_counts_is_what_was_missing_in_every_look(
    seen: list[int], missing: int, too_many: int
) -> None:
    looks = [[("t", "k", "traces", "10:00", items)] if items else [] for items in seen]

    class Store:
        def rows(self, *_: Any) -> Any:
            return looks.pop(0) if len(looks) > 1 else looks[0]

    store = Store()
    checker = Books(lambda: store)
    for _ in seen:
        checker.check()

    assert checker.counts() == {"missing": missing, "too_many": too_many}


def test_what_is_always_under_way_is_looked_at_without_inserts_before_it_is_a_fault() -> None:
    inserting = True

    class Store:
        def rows(self, *_: Any) -> Any:
            return [("t", "k", "traces", "10:00", 512)] if inserting else []

    @contextmanager
    def quiet() -> Iterator[None]:
        nonlocal inserting
        inserting = False
        yield
        inserting = True

    store = Store()
    checker = Books(lambda: store, quiet)
    for _ in range(2 * LOOKS):
        checker.check()

    assert checker.faults() == []
    assert inserting


def test_a_fault_that_is_known_does_not_hold_inserts_back_again() -> None:
    held = 0

    class Store:
        def rows(self, *_: Any) -> Any:
            return [("t", "k", "traces", "10:00", 3)]

    @contextmanager
    def quiet() -> Iterator[None]:
        nonlocal held
        held += 1
        yield

    store = Store()
    checker = Books(lambda: store, quiet)
    for _ in range(3 * LOOKS):
        checker.check()

    assert (checker.counts()["missing"], held) == (3, 1)


def test_a_fault_that_is_known_holds_inserts_back_once_an_hour_for_how_much_it_is_now() -> None:
    held, now_s, missing, under_way = 0, 0.0, 3, 0

    class Store:
        def rows(self, *_: Any) -> Any:
            return [("t", "k", "traces", "10:00", missing + under_way)]

    @contextmanager
    def quiet() -> Iterator[None]:
        nonlocal held, under_way
        held, under_way = held + 1, 0
        yield

    store = Store()
    checker = Books(lambda: store, quiet, lambda: now_s)
    found = []
    for minute in range(60 + LOOKS):
        now_s, under_way = 60.0 * minute, 500 + minute
        missing = 3 if minute < 30 else 7
        checker.check()
        found.append((checker.counts()["missing"], held))

    known = LOOKS - 1
    assert found[known:] == [(3, 1)] * 60 + [(7, 2)]


def test_findings_stand_while_inserts_cannot_be_held() -> None:
    class Store:
        def rows(self, *_: Any) -> Any:
            return [("t", "k", "traces", "10:00", 3)]

    @contextmanager
    def quiet() -> Iterator[None]:
        raise StoreUnavailable("an insert goes on and on; try again")
        yield

    store = Store()
    checker = Books(lambda: store, quiet)
    for _ in range(LOOKS - 1):
        checker.check()
    with pytest.raises(StoreUnavailable):
        checker.check()

    assert checker.faults() == []
