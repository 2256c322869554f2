"""The schema on a cluster: every file has a form there, which the engine's own parser takes and, as
far as one engine can stand in for a cluster, runs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from conftest import opened
from otlp_requests import call

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, ServerTooOld, StoreAddress, _refuse_older
from tollbook_collector.store.sql.cluster import Cluster, everywhere, layout

CLUSTER = Cluster("main", "tollbook")
FILES = {name: sql.read(name) for folder in sql.FOLDERS for name in sql.names(folder)}
WHERE = layout(FILES)
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']+', '[^']+'(?:, (\w+))?\)")
WINDOW = re.compile(r"\breplicated_deduplication_window = (\d+),\s+\w+ = \d+")
DISTRIBUTED = re.compile(r" AS \w+\nENGINE = Distributed\('main', '(\w+)', '(\w+)', .+\)\n")


def written() -> list[str]:
    return [text for name in FILES for text in sql.statements(name, CLUSTER)]


class OneEngine:
    """An engine in place of a cluster: no Keeper, and an alias in place of a Distributed table."""

    def __init__(self, clickhouse: ClickHouse, database: str) -> None:
        self._clickhouse = clickhouse
        self._database = database

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        text = statement.replace(" ON CLUSTER 'main'", "")
        text = text.replace("LIFETIME(MIN 60 MAX 120)", "LIFETIME(0)")
        text = REPLICATED.sub(lambda m: f"{m[1]}({m[2] or ''})", text)
        text = WINDOW.sub(r"non_replicated_deduplication_window = \1", text)
        text = DISTRIBUTED.sub(r"\nENGINE = Alias('" + self._database + r"', '\2')\n", text)
        if text.startswith("-- ") and "ALTER TABLE" in text and "_shard" not in text:
            # An alias has the columns of what it stands for.
            name = re.findall(r"ALTER TABLE (\w+)", text)[0]
            if name in WHERE.spread:
                return
        self._clickhouse.command(text, parameters, {"allow_experimental_alias_table_engine": 1})

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        return self._clickhouse.rows(statement, parameters)


@pytest.fixture(scope="module", name="clustered")
def _clustered(store_address: StoreAddress) -> Iterator[ClickHouse]:
    for clickhouse in opened(store_address):
        [(database,)] = clickhouse.rows("SELECT currentDatabase()")
        sql.migrate(OneEngine(clickhouse, str(database)), CLUSTER)
        put_in_force(clickhouse, read_book())
        yield clickhouse


def test_the_engine_s_parser_takes_every_statement(priced: ClickHouse) -> None:
    for statement in written():
        parsed = priced.rows("EXPLAIN AST " + statement[statement.index("\n") + 1 :].lstrip())

        assert parsed
        # A row is given to one server, and replicated.
        assert "ON CLUSTER" in statement or "\nINSERT INTO " in statement


def test_what_views_fill_is_spread_and_everything_else_is_whole() -> None:
    made = [text for text in written() if re.search(r"ENGINE = Replicated", text)]

    for text in made:
        name = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", text)[0]
        path = re.findall(r"MergeTree\('([^']+)', '([^']+)'", text)[0]
        shard = name.endswith("_shard")
        assert (name.removesuffix("_shard") in WHERE.spread) == shard
        # Of a table that is whole, all servers are replicas of one another.
        assert path == (
            (f"/clickhouse/tables/{{shard}}/tollbook/{name}", "{replica}")
            if shard
            else (f"/clickhouse/tables/whole/tollbook/{name}", "{shard}-{replica}")
        )
    assert {"spans", "spend_hourly", "accounts", "landing", "landing_logs"} <= set(WHERE.spread)
    assert {"keys", "rates", "schema_ledger", "leases"}.isdisjoint(WHERE.spread)


def test_a_trace_stays_on_one_shard_and_landing_goes_by_tenant_and_trace() -> None:
    assert WHERE.spread["spans"] == "cityHash64(tenant, trace_id)"
    assert WHERE.spread["landing"].startswith("cityHash64(tenant, request.")
    assert all(key.startswith("cityHash64(tenant") for key in WHERE.spread.values())


def test_every_table_that_segments_fill_remembers_their_tokens() -> None:
    """Else a segment that is sent again would be there twice."""
    for text in written():
        assert "non_replicated_deduplication_window" not in text
        if re.search(r"TABLE IF NOT EXISTS \w+_shard .*(?s:.)*^ENGINE = Replicated", text, re.M):
            assert "replicated_deduplication_window = 10000" in text, text[:200]
            assert "replicated_deduplication_window_seconds" in text


def test_a_call_that_is_sent_to_the_cluster_s_tables_is_priced_and_rolled_up_once(
    clustered: ClickHouse, tenant: str, insert: Any
) -> None:
    spans = [call("openai", "gpt-4o", 1_000, 100) for _ in range(3)]

    insert(clustered, spans, token="the same")
    insert(clustered, spans, token="the same")

    cost = 3 * (1_000 * Decimal("2.5") + 100 * Decimal(10)) / 10**6
    asked = {"tenant": tenant}
    of = "FROM {table:Identifier} WHERE tenant = {tenant:String}"
    for table in ("spend", "spend_hourly_shard", "series_hourly"):
        rows = clustered.rows(f"SELECT sum(calls), sum(cost_usd) {of}", {**asked, "table": table})
        assert rows == [(3, cost)], table
    assert clustered.rows(f"SELECT count() {of}", {**asked, "table": "calls"}) == [(3,)]
    accepted = f"SELECT sum(items) {of} AND fate = 'accepted'"
    assert clustered.rows(accepted, {**asked, "table": "accounts"}) == [(3,)]


@pytest.mark.parametrize("table", sorted(WHERE.spread))
def test_a_key_of_spreading_can_be_worked_out_of_the_columns(
    clustered: ClickHouse, table: str
) -> None:
    found = clustered.rows(
        f"SELECT toTypeName({WHERE.spread[table]}) FROM {{table:Identifier}} LIMIT 0",
        {"table": f"{table}_shard"},
    )

    assert found == []


def test_what_concerns_each_server_reaches_all() -> None:
    reload = everywhere(CLUSTER, sql.read("queries/reload_dictionary"))

    assert "SYSTEM RELOAD DICTIONARY ON CLUSTER 'main' {dictionary:Identifier}" in reload
    assert "{database:Identifier} ON CLUSTER 'main'" in everywhere(CLUSTER, sql.read("database"))
    assert everywhere(CLUSTER, "SELECT 1") == "SELECT 1"


@pytest.mark.parametrize("version", ["25.8.3.66", "26.2.1.1", "24.12"])
def test_a_server_that_is_too_old_is_refused_with_the_way_out(version: str) -> None:
    with pytest.raises(ServerTooOld, match=rf"{re.escape(version)}.*26\.3.*upgrade"):
        _refuse_older(version)


@pytest.mark.parametrize("version", ["26.3.1.1", "26.9.2.1", "27.1"])
def test_newer_servers_are_taken(version: str) -> None:
    _refuse_older(version)
