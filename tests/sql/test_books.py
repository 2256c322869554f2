"""The books: what a client lost is in them, and an imbalance that stays is found."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from otlp_requests import Span, request

from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.books import Books
from tollbook_collector.store.client import ClickHouse


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

    checker.check()
    first = checker.faults()
    checker.check()

    assert first == []
    assert "3 items are missing and 0 too many, of 1 tenant in 1 hours" in checker.faults()[0]
    assert tenant not in checker.faults()[0]
    assert checker.counts() == {"missing": 3, "too_many": 0}


def test_an_imbalance_that_passes_is_none(balanced: ClickHouse, tenant: str) -> None:
    put(balanced, tenant, [Span()], accepted=2)
    checker = Books(lambda: balanced)
    checker.check()
    put(balanced, tenant, [Span(), Span()], accepted=1)

    checker.check()
    checker.check()

    assert checker.faults() == []
