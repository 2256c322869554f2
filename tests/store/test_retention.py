"""Retention: what the file says becomes the TTL of tables, and nothing else changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from otlp_requests import call
from pydantic import ValidationError

from tollbook_collector.store.client import ClickHouse
from tollbook_collector.store.retention import CLASSES, Retain, Retention


def test_spans_that_are_older_than_the_file_says_go_and_charges_stay(
    migrated: ClickHouse, tenant: str, insert: Any
) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(days=days) for days in (1, 69, 71, 300)]
    insert(migrated, [call("openai", "gpt-4o", 1, 1, at=now - age) for age in ages])
    asked = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    spent = "SELECT sum(calls) FROM spend_hourly WHERE tenant = {tenant:String}"

    Retain(lambda: migrated, lambda: Retention(spans_days=70)).apply()
    migrated.command("OPTIMIZE TABLE spans FINAL")

    assert migrated.rows(asked, {"tenant": tenant}) == [(2,)]
    assert migrated.rows(spent, {"tenant": tenant}) == [(4,)]


def test_a_table_is_changed_once_and_back_when_the_line_is_gone(migrated: ClickHouse) -> None:
    written: list[str] = []

    class Watched:
        cluster = None
        rows = staticmethod(migrated.rows)

        def command(self, statement: str, parameters: Any = None) -> None:
            written.append(statement)
            migrated.command(statement, parameters)

    for section in (
        Retention(logs_days=14),
        Retention(logs_days=14),
        Retention(logs_days=30),
        Retention(),
        Retention(),
    ):
        Retain(Watched, lambda section=section: section).apply()  # type: ignore[misc]

    changes = [text for text in written if "log_records" in text]
    assert len(changes) == 3
    assert "toIntervalDay(14)" in changes[0]
    assert "toIntervalDay(30)" in changes[1]
    assert "REMOVE TTL" in changes[2]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_is_of_tables_that_are_there(migrated: ClickHouse, name: str) -> None:
    for table, column in CLASSES[name].items():
        found = migrated.rows(
            "SELECT count() FROM system.columns WHERE database = currentDatabase()"
            " AND table = {table:String} AND name = {column:String}",
            {"table": table, "column": column},
        )
        assert found == [(1,)], (table, column)


@pytest.mark.parametrize("given", [{"spans_days": 30}, {"minutes_days": 7}, {"hours_days": 90}])
def test_less_than_what_others_need_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal"):
        Retention(**given)
