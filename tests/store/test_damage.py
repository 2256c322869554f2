"""A damaged part of the store is noticed, and the books say how many spans are gone."""

from pathlib import Path

from otlp_requests import call, request

from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.damage import DamagedParts
from tollbook_collector.store.embedded.process import EmbeddedStore


def opened(store: EmbeddedStore) -> ClickHouse:
    address = store.address
    return ClickHouse(StoreAddress(address.url, address.user, address.password))


def insert(clickhouse: ClickHouse, number: int, spans: int) -> None:
    body = request([call("openai", "gpt-4o", 10, 1)] * spans)
    envelope = Envelope("acme", "k", 1_795_176_000_000_000_000, number, spans, body)
    clickhouse.insert_segment(header() + record(envelope), f"token {number}")


def test_a_damaged_part_is_named_and_its_rows_are_an_imbalance_of_the_books(
    tmp_path: Path,
) -> None:
    damage = DamagedParts()
    with EmbeddedStore(tmp_path / "store") as store:
        clickhouse = opened(store)
        sql.migrate(clickhouse)
        clickhouse.command("SYSTEM STOP MERGES")
        for number, spans in enumerate((3, 4), start=1):
            insert(clickhouse, number, spans)
        damage.look(clickhouse)
        assert damage.faults() == []
        statement = "SELECT path FROM system.parts WHERE table = 'spans' AND active ORDER BY name"
        parts = [Path(str(path)) for (path,) in clickhouse.rows(statement)]
        clickhouse.close()
    for file in parts[0].glob("*.bin"):
        file.write_bytes(bytes(file.stat().st_size // 2))

    with EmbeddedStore(tmp_path / "store") as store:
        clickhouse = opened(store)
        damage.look(clickhouse)
        books = clickhouse.rows("SELECT received, stored, imbalance FROM books")
        clickhouse.close()

    (fault,) = damage.faults()
    assert "1 damaged parts of spans" in fault
    assert books == [(7, 4, 3)]
