"""Who may do what on a server: parsed by the engine, complete, and no more than is needed."""

import re

import pytest

from tollbook_collector.answer.guard import ENGINE_SETTINGS, SHARED_TABLES, TABLES
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse
from tollbook_collector.store.sql.cluster import Cluster

PLAIN = sql.access_statements(TABLES, "tollbook", "acme")
CLUSTERED = sql.access_statements(TABLES, "tollbook", "acme", Cluster("main", "tollbook"))
PARAMETERS = {"writer_password": "one", "reader_password": "two"}
READABLE = re.compile(r"GRANT (?:ON CLUSTER 'main' )?SELECT ON tollbook\.(\w+) TO tollbook_reading")
POLICY = re.compile(r"CREATE ROW POLICY OR REPLACE (\w+) .*?ON tollbook\.(\w+) USING (.+?) AS")


@pytest.mark.parametrize("statements", [PLAIN, CLUSTERED], ids=["server", "cluster"])
def test_the_engine_s_parser_takes_every_statement(
    priced: ClickHouse, statements: list[str]
) -> None:
    for statement in statements:
        text = statement.split("\n", 1)[1]

        assert priced.rows(f"EXPLAIN AST {text}", PARAMETERS)


def test_every_statement_for_a_cluster_reaches_all_of_it() -> None:
    assert len(CLUSTERED) > len(PLAIN)
    assert [text for text in CLUSTERED if text.count("ON CLUSTER 'main'") != 1] == []
    assert [text for text in PLAIN if "ON CLUSTER" in text] == []


@pytest.mark.parametrize("statements", [PLAIN, CLUSTERED], ids=["server", "cluster"])
def test_every_table_that_readers_may_ask_shows_them_one_tenant_only(
    priced: ClickHouse, statements: list[str]
) -> None:
    readable = {match[1] for text in statements if (match := READABLE.search(text))}
    policies = {match[2]: match[3] for text in statements if (match := POLICY.search(text))}
    tables = {
        str(name)
        for (name,) in priced.rows(
            "SELECT name FROM system.tables WHERE database = currentDatabase()"
            " AND engine LIKE '%MergeTree'"
        )
    }

    assert readable >= TABLES
    for name in readable:
        if name.removesuffix("_shard") in tables:
            assert policies[name] in ("tenant = getSetting('SQL_tenant')", "1"), name
    shared = {name for name, rule in policies.items() if rule == "1"} & readable
    # A shared view rests on shared tables: prices, which are everybody's.
    assert shared == {"price_books", "rates"}
    assert {"prices", "rate_cards", "price_books"} == SHARED_TABLES


def test_readers_never_see_keys_nor_how_the_database_was_made() -> None:
    readable = {match[1] for text in CLUSTERED if (match := READABLE.search(text))}

    assert {"keys", "leases", "schema_ledger", "landing", "landing_shard"}.isdisjoint(readable)
    for text in PLAIN:
        if "TO tollbook_reading" in text and text.split("\n", 1)[1].startswith("GRANT"):
            assert re.search(r"GRANT (SELECT|dictGet) ON tollbook\.[\w*]+ TO", text), text


def test_the_limits_of_readers_are_those_of_the_guard_and_cannot_be_changed() -> None:
    profile = sql.read("access/60_profile_reader")

    for name, value in ENGINE_SETTINGS.items():
        if name != "output_format_json_quote_decimals":
            shown = f"'{value}'" if isinstance(value, str) else str(value)
            assert f"    {name} = {shown} CONST" in profile, name
    assert any("SQL_tenant = 'acme' CONST" in text for text in PLAIN)


def test_another_name_of_the_database_is_written_everywhere() -> None:
    statements = sql.access_statements(TABLES, "meter", "acme")

    assert [text for text in statements if "tollbook." in text] == []
    assert any("ON meter.spans" in text for text in statements)
