"""Migrations: applied once, refused when history does not fit, continued where one was killed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse


def everything() -> list[str]:
    return [name for folder in sql.FOLDERS for name in sql.names(folder)]


def test_an_empty_database_gets_every_file_in_order_and_is_then_left_alone(
    database: ClickHouse,
) -> None:
    assert sql.migrate(database) == everything()
    assert sql.migrate(database) == []


def test_a_view_whose_text_changed_is_created_anew_with_those_behind_it(
    migrated: ClickHouse,
) -> None:
    forget(migrated, "views/30_price")

    applied = sql.migrate(migrated)

    assert applied[0] == "views/30_price"
    assert all(name.startswith("views/") for name in applied)


def test_an_edited_migration_is_refused_before_anything_is_changed(database: ClickHouse) -> None:
    with_ledger(database)
    record(database, "migrations/0005_spans", "0" * 64)

    with pytest.raises(sql.EditedMigration, match="0005_spans was edited after it was applied"):
        sql.migrate(database)

    assert tables(database) == ["schema_ledger"]


def test_a_newer_database_is_refused(database: ClickHouse) -> None:
    with_ledger(database)
    record(database, "migrations/9999_future", "0" * 64)

    with pytest.raises(sql.NewerDatabase, match="9999_future"):
        sql.migrate(database)

    assert tables(database) == ["schema_ledger"]


class Killed(Exception):
    """Stands for the end of the process."""


class DiesBefore:
    """A database whose client dies before a statement, counted from the start."""

    def __init__(self, database: ClickHouse, statement: int) -> None:
        self._database, self._left = database, statement

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        self._database.command(statement, parameters)

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        return self._database.rows(statement, parameters)


# One for the ledger, two for each migration, itself and its record, one for each function and view,
# and one that records these.
def statements_left(database: ClickHouse) -> int:
    missing = set(everything()) - set(applied(database))
    migrations = [name for name in missing if name.startswith("migrations/")]
    return 1 + len(migrations) + len(missing) + 1


def test_killed_at_any_statement_the_next_run_continues(database: ClickHouse) -> None:
    for statement in (0, 1, 2, 9, 10, 30):
        with pytest.raises(Killed):
            sql.migrate(DiesBefore(database, statement))
    for before_the_end in (40, 20, 1):
        with pytest.raises(Killed):
            sql.migrate(DiesBefore(database, statements_left(database) - before_the_end))

    sql.migrate(database)

    assert sql.migrate(database) == []
    assert sorted(applied(database)) == sorted(everything())
    assert sql.snapshot(database) == sql.read("schema")


def test_the_schema_in_one_file_is_what_the_migrations_make(migrated: ClickHouse) -> None:
    assert sql.read("schema") == sql.snapshot(migrated), "run: make schema"


def with_ledger(database: ClickHouse) -> None:
    for statement in sql.statements(sql.LEDGER):
        database.command(statement)


def tables(database: ClickHouse) -> list[str]:
    statement = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    return [str(name) for (name,) in database.rows(statement)]


def applied(database: ClickHouse) -> list[str]:
    return [str(row[0]) for row in database.rows(sql.read("queries/schema_ledger"))]


def record(database: ClickHouse, file: str, sha256: str) -> None:
    parameters = {"files": [file], "sha256s": [sha256]}
    database.command(sql.read("queries/schema_ledger_add"), parameters)


def forget(database: ClickHouse, file: str) -> None:
    record(database, file, "")
