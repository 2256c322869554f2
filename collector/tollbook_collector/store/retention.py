"""How long rows are kept: `[retention]` of tollbook.toml becomes the TTL of tables, by class.

    [retention]
    spans_days = 90      # calls and spans with their attributes
    logs_days = 14       # log records
    metrics_days = 30    # metric points
    minutes_days = 60    # spend by the minute
    hours_days = 800     # spend and behaviour by the hour

A class that is not named is kept for ever. The engine drops what is older while it merges, so it
goes within hours. Charges, closed months, adjustments and incidents are never dropped. A shorter
time than what detectors and open months need is an error of the file.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from pydantic import Field

from tollbook_collector.policy import Section
from tollbook_collector.store import sql
from tollbook_collector.store.sql.cluster import SHARD_SUFFIX, Cluster

APPLY_S: Final = 60.0
# The tables of a class, and the column that says how old a row is.
CLASSES: Final[Mapping[str, Mapping[str, str]]] = {
    "spans_days": {"spans": "started_at", "trace_parts": "hour"},
    "logs_days": {"log_records": "logged_at"},
    "metrics_days": {"metric_points": "measured_at"},
    "minutes_days": {"spend_minutely": "minute"},
    "hours_days": {"spend_hourly": "hour", "series_hourly": "hour", "behaviour_hourly": "hour"},
}


class Retention(Section):
    """How many days rows are kept, by class; None: for ever.

    Attributes:
        spans_days: Calls and spans; two months may be open and are priced anew from them.
        logs_days: Log records.
        metrics_days: Metric points.
        minutes_days: Spend by the minute; detectors look back a month.
        hours_days: Spend and behaviour by the hour; a year is compared with the one before.
    """

    spans_days: int | None = Field(default=None, ge=70, le=36_500)
    logs_days: int | None = Field(default=None, ge=1, le=36_500)
    metrics_days: int | None = Field(default=None, ge=1, le=36_500)
    minutes_days: int | None = Field(default=None, ge=35, le=36_500)
    hours_days: int | None = Field(default=None, ge=400, le=36_500)


class Tables(Protocol):
    """What retention needs of the store."""

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that the database is on; None: it stands alone."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return the rows of a query."""


class Retain:
    """Lets tables keep their rows as long as the file says.

    Args:
        store: Where they are.
        section: What the file says now.
    """

    def __init__(self, store: Callable[[], Tables], section: Callable[[], Retention]) -> None:
        self._store = store
        self._section = section

    def apply(self) -> None:
        """Change the tables whose time is another one now, and no other.

        Raises:
            StoreUnavailable, StoreRefused: It was not done; it is the next time.
        """
        store, section = self._store(), self._section()
        suffix = SHARD_SUFFIX if store.cluster else ""
        wanted = {
            f"{table}{suffix}": (column, getattr(section, name))
            for name, tables in CLASSES.items()
            for table, column in tables.items()
        }
        query = sql.read("queries/retention_now")
        now = {
            str(table): int(days) for table, days in store.rows(query, {"tables": sorted(wanted)})
        }
        for table, (column, days) in wanted.items():
            if now.get(table, 0) != (days or 0):
                self._change(store, table, column, days)

    def _change(self, store: Tables, table: str, column: str, days: int | None) -> None:
        text = sql.read("queries/retention_set" if days else "queries/retention_end")
        where = f" ON CLUSTER '{store.cluster.name}'" if store.cluster else ""
        for placeholder, own in (
            ("the_table", f"{table}{where}"),
            ("the_column", column),
            ("the_days", str(days)),
        ):
            text = text.replace(placeholder, own)
        store.command(text)
