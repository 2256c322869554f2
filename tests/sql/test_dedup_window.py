"""An insert that is repeated: after an upgrade it changes nothing, too late the books say so."""

import uuid
from typing import Any

from otlp_requests import Span, call, request

from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

RECEIVED_NS = 1_780_000_000 * 1_000_000_000


def segment(tenant: str) -> bytes:
    body = request([Span(), Span()])
    return header() + record(Envelope(tenant, "key1", RECEIVED_NS, 1, 2, body))


def remember(clickhouse: ClickHouse, inserts: int) -> None:
    statement = f"ALTER TABLE spans MODIFY SETTING non_replicated_deduplication_window = {inserts}"
    clickhouse.command(statement)


def test_an_insert_that_is_repeated_too_late_is_doubled_and_the_books_say_so(
    priced: ClickHouse, tenant: str
) -> None:
    content, token = segment(tenant), uuid.uuid4().hex
    remember(priced, 2)
    try:
        priced.insert_segment(content, token)
        priced.insert_segment(content, token)
        for _ in range(3):
            priced.insert_segment(segment("another"), uuid.uuid4().hex)

        priced.insert_segment(content, token)
    finally:
        remember(priced, 10_000)

    statement = "SELECT received, stored, imbalance FROM books WHERE tenant = {tenant:String}"
    found: list[Any] = [tuple(row) for row in priced.rows(statement, {"tenant": tenant})]
    # Two spans came, and the last of three inserts doubled them; the second did nothing.
    assert found == [(2, 4, -2)]


def test_an_insert_that_is_repeated_after_an_upgrade_made_its_views_anew_is_there_once(
    priced: ClickHouse, tenant: str
) -> None:
    body = request([call("openai", "gpt-4o", 1_000, 10), call("openai", "gpt-4o", 1_000, 10)])
    content = header() + record(Envelope(tenant, "key1", RECEIVED_NS, 1, 2, body))
    token = uuid.uuid4().hex
    views = [
        text for name in sql.names("views") if " MATERIALIZED VIEW " in (text := sql.read(name))
    ]

    priced.insert_segment(content, token)
    for view in views:
        priced.command(view)
    priced.insert_segment(content, token)

    assert len(views) > 10
    for count in (
        "SELECT count() FROM spans WHERE tenant = {tenant:String}",
        "SELECT sum(calls) FROM spend_hourly WHERE tenant = {tenant:String}",
        "SELECT sum(calls) FROM spend_minutely WHERE tenant = {tenant:String}",
        "SELECT stored FROM books WHERE tenant = {tenant:String}",
    ):
        assert [int(row[0]) for row in priced.rows(count, {"tenant": tenant})] == [2], count
