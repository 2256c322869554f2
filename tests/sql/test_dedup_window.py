"""An insert that is repeated too late, when its token is forgotten: the books say so."""

import uuid
from typing import Any

from otlp_requests import Span, request

from tollbook_collector.spool.segment import Envelope, header, record
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
