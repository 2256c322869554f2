"""Copying a store: to the last digit, on after a kill, and never into what is somebody's."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import opened
from otlp_requests import call
from waiting import wait_until

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress, StoreRefused, StoreUnavailable
from tollbook_collector.store.copy import (
    CopyDiffers,
    SchemasDiffer,
    StoreCopy,
    TargetNotEmpty,
    unfinished,
)
from tollbook_collector.store.embedded.process import EmbeddedStore
from tollbook_collector.store.open import Store

SPANS = 100_000
FACTOR = 1_000
# Makes many spans of few: other ids, over three days.
MULTIPLY = """
INSERT INTO spans SELECT spans.* REPLACE (
    reinterpretAsFixedString(cityHash64(span_id, number)) AS span_id,
    addHours(started_at, number % 72) AS started_at)
FROM spans, numbers(1, {factor:UInt32} - 1) AS numbers
"""
SUMS = "SELECT count(), sum(cost_usd), sum(input_tokens) FROM calls"
SPENT = "SELECT hour, sum(calls), sum(cost_usd) FROM spend_hourly GROUP BY hour ORDER BY hour"


@pytest.fixture(scope="module", name="old")
def _old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedStore, Path]]:
    """A store of its own with a hundred thousand spans of two tenants."""
    path = tmp_path_factory.mktemp("old")
    with EmbeddedStore(path) as store:
        yield store, path


@pytest.fixture(scope="module", name="source")
def _source(old: tuple[EmbeddedStore, Path]) -> ClickHouse:
    from otlp_requests import request

    from tollbook_collector.spool.segment import Envelope, header, record

    address = old[0].address
    clickhouse = ClickHouse(StoreAddress(address.url, address.user, address.password))
    sql.migrate(clickhouse)
    put_in_force(clickhouse, read_book())
    for tenant in ("acme", "globex"):
        spans = [call("openai", "gpt-4o", 1_000 + n, 100 + n) for n in range(SPANS // FACTOR // 2)]
        envelope = Envelope(tenant, "key", 1_795_176_000_000_000_000, 1, len(spans), request(spans))
        clickhouse.insert_segment(header() + record(envelope), tenant)
    clickhouse.command(MULTIPLY, {"factor": FACTOR})
    return clickhouse


@pytest.fixture(name="target")
def _target(store_address: StoreAddress) -> Iterator[ClickHouse]:
    yield from opened(store_address)


def done_parts(target: ClickHouse) -> int:
    try:
        [(count,)] = target.rows("SELECT count() FROM store_copies WHERE event = 'part'")
    except StoreRefused:  # the table is not made yet
        return 0
    return int(count)


def test_a_copy_that_is_killed_twice_ends_equal_to_the_last_digit(
    old: tuple[EmbeddedStore, Path],
    source: ClickHouse,
    target: ClickHouse,
    store_address: StoreAddress,
    tenant: str,
    insert: Any,
) -> None:
    [(database,)] = target.rows("SELECT currentDatabase()")
    address = old[0].address
    program = (
        "import sys; from tollbook_collector.store.client import ClickHouse, StoreAddress;"
        "from tollbook_collector.store.copy import StoreCopy; a = sys.argv;"
        "here, there = (ClickHouse(StoreAddress(*of)) for of in (a[1:4], a[4:8]));"
        "StoreCopy(here, there, 10_000).run()"
    )
    arguments = [address.url, address.user, address.password, store_address.url]
    arguments += [store_address.user, store_address.password, str(database)]

    for enough in (3, 15):
        copying = subprocess.Popen([sys.executable, "-c", program, *arguments])
        wait_until(lambda enough=enough: done_parts(target) >= enough)  # type: ignore[misc]
        copying.send_signal(signal.SIGKILL)
        copying.wait(60)
        assert unfinished(target)
    before = done_parts(target)
    copied = StoreCopy(source, target, 10_000).run()

    assert source.rows("SELECT count() FROM spans") == [(SPANS,)]
    assert target.rows(SUMS) == source.rows(SUMS)
    assert target.rows(SPENT) == source.rows(SPENT)
    assert copied.parts_before >= before - 1
    assert copied.parts > 0
    assert not unfinished(target)
    # What comes after the copy is priced and rolled up.
    insert(target, [call("openai", "gpt-4o", 10, 1)])
    asked = "SELECT sum(calls), sum(unpriced_calls) FROM spend WHERE tenant = {tenant:String}"
    assert target.rows(asked, {"tenant": tenant}) == [(1, 0)]
    with pytest.raises(TargetNotEmpty, match="already"):
        StoreCopy(source, target).run()


def test_a_collector_waits_for_the_copy_and_a_row_too_many_is_found(
    source: ClickHouse, target: ClickHouse, store_address: StoreAddress
) -> None:
    [(database,)] = target.rows("SELECT currentDatabase()")
    address = StoreAddress(
        store_address.url, store_address.user, store_address.password, str(database)
    )
    copy = StoreCopy(source, target)
    copy._begin()
    target.command(
        "INSERT INTO spend_hourly (tenant, hour, calls) VALUES ('acme', '2026-11-20 12:00:00', 1)"
    )
    store = Store(address, lambda _: None)

    store.open()

    with pytest.raises(StoreUnavailable, match="being copied"):
        _ = store.clickhouse
    store.close()
    with pytest.raises(CopyDiffers, match="spend_hourly of 2026-11-20"):
        copy.run()
    assert unfinished(target)


def test_a_copy_that_was_killed_while_it_made_tables_goes_on(
    source: ClickHouse, target: ClickHouse
) -> None:
    class DiesAfter:
        """A target whose copy ends after so many statements."""

        def __init__(self, statements: int) -> None:
            self.left = statements

        def __getattr__(self, name: str) -> Any:
            return getattr(target, name)

        def command(self, *given: Any) -> None:
            self.left -= 1
            if self.left < 0:
                raise StoreUnavailable("killed")
            target.command(*given)

    for statements in (0, 1, 3, 8):
        with pytest.raises(StoreUnavailable, match="killed"):
            StoreCopy(source, DiesAfter(statements))._begin()  # type: ignore[arg-type]

    assert StoreCopy(source, target)._begin() == []
    assert unfinished(target)


def test_a_database_that_is_in_use_is_not_copied_into(
    source: ClickHouse, priced: ClickHouse
) -> None:
    with pytest.raises(TargetNotEmpty, match="--to-database"):
        StoreCopy(source, priced).run()


def test_a_store_of_another_version_is_not_copied(database: ClickHouse, target: ClickHouse) -> None:
    database.command(sql.read(sql.LEDGER))

    with pytest.raises(SchemasDiffer, match="0001_schema_ledger"):
        StoreCopy(database, target).run()

    assert target.rows("SELECT count() FROM system.tables WHERE database = currentDatabase()") == [
        (0,)
    ]
