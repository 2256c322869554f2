"""SQL of users on its way to the engine: read twice, confined to a tenant, with limits.

Three walls, each of which holds alone: the guard parses and writes anew (`guard`); the engine's own
reading is held against the same lists (`engine_reading`), and it runs with `readonly`, limits and a
filter of the tenant on every table; the embedded engine is confined by the kernel.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tollbook_collector.answer.engine_reading import check_reading
from tollbook_collector.answer.guard import ENGINE_SETTINGS, guarded
from tollbook_collector.answer.questions import Answerer, WrongQuestion
from tollbook_collector.store import sql

FORMATS: Final = {
    "json": "JSONEachRow",
    "csv": "CSVWithNames",
    "parquet": "Parquet",
    "table": "JSONCompact",
}


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

    def run(self, tenant: str, text: str, format_name: str) -> bytes:
        """Return the answer to a user's SQL in one of FORMATS.

        Raises:
            SqlRefused: It is not one SELECT over what users may read.
            SqlIsOff: The store has no sandbox.
            WrongQuestion: The format is not one of FORMATS.
            StoreUnavailable, StoreRefused: The store did not answer, or refused the statement.
        """
        if format_name not in FORMATS:
            raise WrongQuestion(f"{format_name!r} is not a format; {', '.join(FORMATS)} are")
        asked = self.confined(tenant, text)
        return self._collector.store.formatted(
            asked.statement, FORMATS[format_name], asked.parameters, asked.settings
        )

    def streamed(
        self, tenant: str, text: str, format_name: str, catalog: bool = False
    ) -> Iterator[bytes]:
        """Yield the answer in a format of ClickHouse's; see `run` for what it raises."""
        asked = self.confined(tenant, text, catalog)
        return self._collector.store.streamed(
            asked.statement, format_name, asked.parameters, asked.settings
        )

    def confined(self, tenant: str, text: str, catalog: bool = False) -> Confined:
        """Return what may be run for a text.

        Args:
            tenant: Whose rows it may read.
            text: SQL of a user.
            catalog: Whether it may read the names of tables and columns as well, as tools do.

        Raises:
            SqlRefused, SqlIsOff, StoreUnavailable, StoreRefused: See `run`.
        """
        if not self._collector.user_sql:
            raise SqlIsOff(
                "SQL of users is off: the embedded store runs without its sandbox, because this"
                " kernel has no Landlock; use a ClickHouse of your own with --clickhouse-url"
            )
        return self.checked(tenant, guarded(text, catalog=catalog), catalog)

    def checked(self, tenant: str, statement: str, catalog: bool = False) -> Confined:
        """Return what may be run for a statement by the second wall alone."""
        store, parameters = self._collector.store, {"tenant": tenant}
        reading = store.rows(f"EXPLAIN AST {statement}", parameters)
        check_reading([str(line) for (line,) in reading], CATALOG if catalog else frozenset())
        if not self._tables:
            self._tables = [str(name) for (name,) in store.rows(sql.read("queries/tenant_tables"))]
        return Confined(statement, parameters, engine_settings(tenant, self._tables))


CATALOG: Final = frozenset({"system.tables", "system.columns", "system.databases"})


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
