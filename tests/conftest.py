"""Real parts for the tests: one store for the session, a migrated database, a price book."""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import hypothesis
import pytest
from otlp_requests import Span, request

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

# Drawn examples are the same in each run, so that a change is judged by what it changed, and no
# machine is too slow for them. HYPOTHESIS_PROFILE=search draws others each time.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))

# What runs longest, and is therefore handed to the workers first: a worker takes a file at a time.
LONGEST = (
    "test_wheel.py",
    "test_embeddings.py",
    "test_alerts.py",
    "test_crash.py",
    "test_collector.py",
    "test_demo.py",
    "test_find.py",
    "test_keys.py",
    "test_decode.py",
    "test_hostile.py",
    "test_exporters.py",
    "test_pages.py",
    "test_servers.py",
)

RECEIVED_AT = datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order of the tests of a file stays."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session")
def store_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    """A ClickHouse: that of TOLLBOOK_TEST_CLICKHOUSE_URL, or an embedded one for the session."""
    url = os.environ.get("TOLLBOOK_TEST_CLICKHOUSE_URL")
    if url:
        user = os.environ.get("TOLLBOOK_TEST_CLICKHOUSE_USER", "default")
        yield StoreAddress(url, user, os.environ.get("TOLLBOOK_TEST_CLICKHOUSE_PASSWORD", ""))
        return
    store = EmbeddedStore(tmp_path_factory.mktemp("store"))
    store.start()
    address = store.address
    yield StoreAddress(address.url, address.user, address.password, handover=store.handover)
    store.stop()


@pytest.fixture
def database(store_address: StoreAddress) -> Iterator[ClickHouse]:
    """An empty database."""
    yield from opened(store_address)


@pytest.fixture
def schema(database: ClickHouse) -> ClickHouse:
    """A migrated database without prices."""
    return migrate(database)


@pytest.fixture(scope="session")
def priced(store_address: StoreAddress) -> Iterator[ClickHouse]:
    """A migrated database with the seeded price book, shared by the session: use own tenants."""
    for clickhouse in opened(store_address):
        migrate(clickhouse)
        put_in_force(clickhouse, read_book())
        yield clickhouse


ALERT_TABLES = ("incident_history", "alert_versions", "alert_attempts", "anomaly_versions")


@pytest.fixture(scope="module")
def migrated(store_address: StoreAddress) -> Iterator[ClickHouse]:
    """A migrated database without prices, shared by a module."""
    for clickhouse in opened(store_address):
        yield migrate(clickhouse)


@pytest.fixture
def emptied(migrated: ClickHouse) -> ClickHouse:
    """A migrated database without incidents and alerts, for what is over all tenants."""
    for table in ALERT_TABLES:
        migrated.command("TRUNCATE TABLE {table:Identifier}", {"table": table})
    return migrated


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own."""
    return f"tenant-{uuid.uuid4().hex[:12]}"


Insert = Callable[..., None]


@pytest.fixture
def insert(tenant: str) -> Insert:
    """Insert spans of the test's tenant into a database as the loader does."""

    def insert_spans(
        clickhouse: ClickHouse,
        spans: Sequence[Span] | bytes,
        token: str = "",
        resource: dict[str, object] | None = None,
    ) -> None:
        body = spans if isinstance(spans, bytes) else request(spans, resource)
        received_ns = int(RECEIVED_AT.timestamp()) * 1_000_000_000
        envelope = Envelope(tenant, "key1", received_ns, 1, len(spans), body)
        clickhouse.insert_segment(header() + record(envelope), token or uuid.uuid4().hex)

    return insert_spans


def migrate(clickhouse: ClickHouse) -> ClickHouse:
    """Bring a database to the schema, and keep what tests put there of times that are long over."""
    sql.migrate(clickhouse)
    clickhouse.command("SYSTEM STOP TTL MERGES")
    return clickhouse


def opened(address: StoreAddress) -> Iterator[ClickHouse]:
    name = f"tollbook_test_{uuid.uuid4().hex[:12]}"
    clickhouse = ClickHouse(replace(address, database=name))
    yield clickhouse
    clickhouse.command("DROP DATABASE {name:Identifier} SYNC", {"name": name})
    clickhouse.close()
