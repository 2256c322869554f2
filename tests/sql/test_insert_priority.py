"""Inserts yield to questions."""

from collections.abc import Callable

from otlp_requests import call

from tollbook_collector.store.client import INSERT_NICE, ClickHouse


def test_the_threads_of_an_insert_and_its_views_yield_to_those_of_a_question(
    priced: ClickHouse, insert: Callable[..., None]
) -> None:
    names = ("os_threads_nice_value_query", "os_threads_nice_value_materialized_view")
    said = ", ".join(f"toInt64(getSetting('{name}'))" for name in names)
    priced.command("CREATE TABLE said (nice Array(Int64)) ENGINE = Memory")
    priced.command(
        f"CREATE MATERIALIZED VIEW say_nice TO said AS SELECT [{said}] AS nice FROM landing"
    )
    try:
        insert(priced, [call("openai", "gpt-4o-mini", 10, 5)])

        assert priced.rows("SELECT DISTINCT nice FROM said") == [([INSERT_NICE] * 2,)]
        assert priced.rows(f"SELECT [{said}] AS nice") == [([0, 0],)]
    finally:
        priced.command("DROP VIEW say_nice SYNC")
        priced.command("DROP TABLE said SYNC")


def test_what_nobody_waits_for_yields_to_inserts_too(priced: ClickHouse) -> None:
    said = "SELECT getSetting('os_threads_nice_value_query')"

    unhurried = priced.unhurried()

    assert unhurried.rows(said)[0][0] > INSERT_NICE
    assert priced.rows(said) == [(0,)]
