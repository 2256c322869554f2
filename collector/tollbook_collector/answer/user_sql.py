"""SQL of users on its way to the engine: read twice, confined to a tenant, with limits.

Three walls, each of which holds alone: the guard parses and writes anew (`guard`); the engine's own
reading is held against the same lists (`engine_reading`), and it runs with `readonly`, limits and a
filter of the tenant on every table; the embedded engine is confined by the kernel.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tollbook_collector.answer.engine_reading import check_reading
from tollbook_collector.answer.guard import ENGINE_SETTINGS, guarded
from tollbook_collector.answer.questions import Answerer, WrongQuestion
from tollbook_collector.store import sql
from tollbook_collector.store.client import StoreRefused, StoreUnavailable

FORMATS: Final = {
    "json": "JSONEachRow",
    "csv": "CSVWithNames",
    "parquet": "Parquet",
    "table": "JSONCompact",
}


# ClickHouse's codes: over its time, too slow, over its memory, cancelled.
LIMIT_CODES: Final = frozenset({159, 160, 241, 394})
# By which a statement that runs can be cancelled.
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Asked(Protocol):
    """What user SQL needs of the collector."""

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""

    @property
    def user_sql(self) -> bool:
        """Whether statements of users may reach the store."""


class SqlIsOff(Exception):
    """Statements of users may not reach this store."""


@dataclass(frozen=True)
class Confined:
    """A statement that may be run, with what it is run with."""

    statement: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any]


class UserSql:
    """Runs the statements of users.

    Args:
        collector: Whose store is asked.
    """

    def __init__(self, collector: Asked) -> None:
        self._collector = collector
        self._tables: list[str] = []
        self._database = ""

    def run(self, tenant: str, text: str, format_name: str, name: str = "") -> bytes:
        """Return the answer to a user's SQL in one of FORMATS.

        Raises:
            SqlRefused: It is not one SELECT over what users may read.
            SqlIsOff: The store has no sandbox.
            WrongQuestion: The format is not one of FORMATS.
            StoreUnavailable, StoreRefused: The store did not answer, or refused the statement.
        """
        if format_name not in FORMATS:
            raise WrongQuestion(f"{format_name!r} is not a format; {', '.join(FORMATS)} are")
        if name and not NAME.fullmatch(name):
            raise WrongQuestion(f"{name!r} is not a name: {NAME.pattern}")
        asked = self.confined(tenant, text, name=name)
        try:
            return self._collector.store.formatted(
                asked.statement, FORMATS[format_name], asked.parameters, asked.settings
            )
        except StoreUnavailable as error:
            raise _ended(error) from error

    def streamed(self, tenant: str, text: str, format_name: str) -> Iterator[bytes]:
        """Yield the answer to a tool in a format of ClickHouse's; see `run` for what it raises."""
        asked = self.confined(tenant, text, self.database())
        try:
            yield from self._collector.store.streamed(
                asked.statement, format_name, asked.parameters, asked.settings
            )
        except StoreUnavailable as error:
            raise _ended(error) from error

    def confined(self, tenant: str, text: str, database: str = "", name: str = "") -> Confined:
        """Return what may be run for a text.

        Args:
            tenant: Whose rows it may read.
            text: SQL of a user.
            database: For tools; see `guarded`.
            name: By which `cancel` finds it; empty: it does not.

        Raises:
            SqlRefused, SqlIsOff, StoreUnavailable, StoreRefused: See `run`.
        """
        if not self._collector.user_sql:
            raise SqlIsOff(
                "SQL of users is off: the embedded store runs without its sandbox, because this"
                " kernel has no Landlock; use a ClickHouse of your own with --clickhouse-url"
            )
        return self.checked(tenant, guarded(text, database=database), bool(database), name)

    def checked(self, tenant: str, statement: str, tool: bool = False, name: str = "") -> Confined:
        """Return what may be run for a statement by the second wall alone."""
        store, parameters = self._collector.store, {"tenant": tenant}
        reading = store.rows(f"EXPLAIN AST {statement}", parameters)
        check_reading([str(line) for (line,) in reading], tool)
        if not self._tables:
            self._tables = [str(name) for (name,) in store.rows(sql.read("queries/tenant_tables"))]
        settings = engine_settings(tenant, self._tables)
        return Confined(statement, parameters, {"log_comment": _label(tenant, name), **settings})

    def cancel(self, tenant: str, name: str) -> int:
        """End the statements that a tenant runs under a name, and return how many there were."""
        if not NAME.fullmatch(name):
            raise WrongQuestion(f"{name!r} is not a name: {NAME.pattern}")
        parameters = {"named": _label(tenant, name)}
        rows = self._collector.store.rows(sql.read("queries/kill_statements"), parameters)
        # The driver makes one empty field of an answer without rows.
        return sum(len(row) > 1 for row in rows)

    def database(self) -> str:
        """Return the name of the database, which tools write before the names of tables."""
        if not self._database:
            ((name,),) = self._collector.store.rows(sql.read("queries/database_name"))
            self._database = str(name)
        return self._database


def _ended(error: StoreUnavailable) -> StoreUnavailable | StoreRefused:
    """Return what a statement that was ended is told: that it went over a limit, not the store."""
    return StoreRefused(str(error), error.code) if error.code in LIMIT_CODES else error


def _label(tenant: str, name: str) -> str:
    """Return the comment that a statement runs under; a blank ends it, and none is in either."""
    return f"user-sql/{tenant}/{name}/"


def engine_settings(tenant: str, tables: list[str]) -> dict[str, Any]:
    """Return the settings that user SQL runs with.

    Args:
        tenant: Whose rows alone may be seen.
        tables: All tables that have a tenant, as database.table.
    """
    condition = _quoted(f"tenant = {_quoted(tenant)}")
    filters = ", ".join(f"{_quoted(table)}: {condition}" for table in tables)
    return {"additional_table_filters": f"{{{filters}}}", **ENGINE_SETTINGS}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
