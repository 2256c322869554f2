"""Migrations: applied once, refused when history does not fit, continued where one was killed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse


def everything() -> list[str]:
    return [name for folder in sql.FOLDERS for name in sql.names(folder)]


def test_an_empty_database_gets_every_file_in_order(database: ClickHouse) -> None:
    assert sql.migrate(database) == everything()


def test_a_migrated_database_is_left_alone(schema: ClickHouse) -> None:
    assert sql.migrate(schema) == []


def test_a_view_whose_text_changed_is_created_anew_with_those_behind_it(
    schema: ClickHouse,
) -> None:
    forget(schema, "views/30_price")

    applied = sql.migrate(schema)

    assert applied[0] == "views/30_price"
    assert all(name.startswith("views/") for name in applied)


def test_an_edited_migration_is_refused_before_anything_is_changed(schema: ClickHouse) -> None:
    record(schema, "migrations/0005_spans", "0" * 64)

    with pytest.raises(sql.EditedMigration, match="0005_spans was edited after it was applied"):
        sql.migrate(schema)


def test_a_newer_database_is_refused(schema: ClickHouse) -> None:
    record(schema, "migrations/9999_future", "0" * 64)

    with pytest.raises(sql.NewerDatabase, match="9999_future"):
        sql.migrate(schema)


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


# One statement for the ledger, two for each migration, itself and its record, one for each
# function and view, and one that records these.
STATEMENTS = 1 + len(sql.names("migrations")) + len(everything()) + 1


@pytest.mark.parametrize("statement", [0, 1, 2, 9, 10, 30, STATEMENTS - 20, STATEMENTS - 1])
def test_killed_at_any_statement_the_next_run_continues(
    database: ClickHouse, statement: int
) -> None:
    with pytest.raises(Killed):
        sql.migrate(DiesBefore(database, statement))

    sql.migrate(database)

    assert sql.migrate(database) == []
    assert sorted(applied(database)) == sorted(everything())


def test_the_schema_in_one_file_is_what_the_migrations_make(schema: ClickHouse) -> None:
    assert sql.read("schema") == sql.snapshot(schema), "run: make schema"


def applied(database: ClickHouse) -> list[str]:
    return [str(row[0]) for row in database.rows(sql.read("queries/schema_ledger"))]


def record(database: ClickHouse, file: str, sha256: str) -> None:
    parameters = {"files": [file], "sha256s": [sha256]}
    database.command(sql.read("queries/schema_ledger_add"), parameters)


def forget(database: ClickHouse, file: str) -> None:
    record(database, file, "")
