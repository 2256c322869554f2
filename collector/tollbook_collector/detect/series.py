"""Series from SQL: which are worth a look, and their rows in the order of `channels.COLUMNS`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np

from tollbook_collector.detect.channels import (
    COLUMNS,
    ERRORS,
    REQUESTS,
    SPEND,
    TOKENS_CACHED,
    TOKENS_INPUT,
    TOKENS_OUTPUT,
)
from tollbook_collector.detect.grid import Floats, Grid, grid_of
from tollbook_collector.store import sql

# What of a series is read, in days: what is remembered, and the days that are judged again.
DAY_S: Final = 86_400
# Order of the answer of queries/series_rows after the names and slots.
SUMS: Final = (SPEND, REQUESTS, TOKENS_INPUT, TOKENS_OUTPUT, TOKENS_CACHED, ERRORS)


class Asked(Protocol):
    """What those who only read need of the store."""

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Tables(Asked, Protocol):
    """What the detectors need of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class TierOf:
    """How a tier is read and judged.

    Attributes:
        name: minute, hour or day.
        slot_s: Seconds of a row.
        table: Which rows are summed: minutely or hourly.
        history_days: Days that are read.
        judged: How far back findings are still news.
        recent: How far back the screen looks row by row.
        silent: A silence is worth a look from so long on.
    """

    name: str
    slot_s: int
    table: str
    history_days: int
    judged: timedelta
    recent: timedelta
    silent: timedelta

    @property
    def grid(self) -> Grid:
        """Return the grid on which it is judged."""
        return grid_of(DAY_S // self.slot_s)

    @property
    def rolled_up(self) -> dict[str, str]:
        """Return the parameters that name its roll-up and the column with the instants."""
        return {
            "roll_up": f"series_{self.table}",
            "instant": "minute" if self.table == "minutely" else "hour",
        }


MINUTE: Final = TierOf(
    "minute", 600, "minutely", 15, timedelta(hours=6), timedelta(minutes=20), timedelta(minutes=30)
)
HOUR: Final = TierOf(
    "hour", 3600, "hourly", 57, timedelta(hours=48), timedelta(hours=6), timedelta(hours=1)
)
DAY: Final = TierOf(
    "day", DAY_S, "hourly", 113, timedelta(days=4), timedelta(days=2), timedelta(days=1)
)
TIERS: Final = {tier.name: tier for tier in (MINUTE, HOUR, DAY)}


@dataclass(frozen=True)
class Block:
    """Rows of some series of one combination of dimensions.

    Attributes:
        names: The dimensions.
        entities: Their values, one tuple for each series.
        rows: Shape (series, columns, rows), the first row begins a day; `list_cost` is not known.
        begins_at: Start of the first row, UTC.
        first_rows: Number of the first row of each series with a call.
    """

    names: tuple[str, ...]
    entities: tuple[tuple[str, ...], ...]
    rows: Floats
    begins_at: datetime
    first_rows: tuple[int, ...]

    def dimensions(self, series: int) -> dict[str, str]:
        """Return one series as dimensions and values."""
        return dict(zip(self.names, self.entities[series], strict=True))


def day_of(moment: datetime) -> datetime:
    """Return the start of a moment's day, UTC.

    >>> day_of(datetime(2026, 11, 20, 12, 5, tzinfo=UTC)).isoformat()
    '2026-11-20T00:00:00+00:00'
    """
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def profile(store: Tables, tenant: str, names: tuple[str, ...], day: datetime) -> None:
    """Write the records of the 28 days before a day, by which the screen decides."""
    store.command(sql.read("queries/series_profiles_build"), _of(tenant, names, day))


def profiled(store: Tables, tenant: str, day: datetime) -> set[str]:
    """Return the combinations of dimensions, as text, whose records of a day are written."""
    parameters = {"tenant": tenant, "day": f"{day:%Y-%m-%d}"}
    return {
        str(name) for (name,) in store.rows(sql.read("queries/series_profiles_built"), parameters)
    }


def candidates(
    store: Tables, tenant: str, names: tuple[str, ...], tier: TierOf, until: datetime, limit: int
) -> list[int]:
    """Return the numbers of the series that may be news; see the SQL for what that is.

    Args:
        store: Holds the rows and the records.
        tenant: Whose.
        names: The dimensions, at most three.
        tier: minute or hour.
        until: End of the newest row.
        limit: Series at most.
    """
    before = timedelta(hours=3) if tier is MINUTE else timedelta(hours=24)
    parameters = {
        **_of(tenant, names, day_of(until)),
        "since": _at(until - before),
        "until": _at(until),
        "recent": _at(until - tier.recent),
        **tier.rolled_up,
        "slot_s": tier.slot_s,
        "share": tier.slot_s / 3600,
        "whole_days": tier is HOUR,
        "silent_s": int(tier.silent.total_seconds()),
        "limit": limit,
    }
    rows = store.rows(sql.read("queries/series_candidates"), parameters)
    return [int(number) for (number,) in rows]


def all_series(
    store: Tables, tenant: str, names: tuple[str, ...], day: datetime, limit: int
) -> list[int]:
    """Return the numbers of the series that have records for a day."""
    parameters = {**_of(tenant, names, day), "limit": limit}
    return [int(number) for (number,) in store.rows(sql.read("queries/series_all"), parameters)]


def read_block(
    store: Asked,
    tenant: str,
    names: tuple[str, ...],
    tier: TierOf,
    until: datetime,
    chosen: Sequence[int] = (),
    limit: int = 200_000,
) -> Block:
    """Return the rows of series until a moment.

    Args:
        store: Holds them.
        tenant: Whose.
        names: The dimensions, at most three.
        tier: How long a row is.
        until: End of the last row; a row that it cuts has what came before it.
        chosen: Numbers of the series; empty: all.
        limit: Series at most.
    """
    begins_at = day_of(until) - timedelta(days=tier.history_days)
    count = -int(-(until - begins_at).total_seconds() // tier.slot_s)
    parameters = {
        **_of(tenant, names, until),
        **tier.rolled_up,
        "since": _at(begins_at),
        "until": _at(until),
        "slot_s": tier.slot_s,
        "chosen": list(chosen),
        "limit": limit,
    }
    answer = store.rows(sql.read("queries/series_rows"), parameters)
    rows = np.zeros((len(answer), len(COLUMNS), count))
    entities, first_rows = [], []
    for number, (one, two, three, _, slots, *sums) in enumerate(answer):
        entities.append((one, two, three)[: len(names)])
        at = np.asarray(slots, dtype=np.int64)
        first_rows.append(int(at.min()))
        for column, values in zip(SUMS, sums, strict=True):
            rows[number, column, at] = values
    return Block(names, tuple(entities), rows, begins_at, tuple(first_rows))


def _of(tenant: str, names: tuple[str, ...], day: datetime) -> dict[str, Any]:
    first, second, third = (*names, "", "", "")[:3]
    return {
        "tenant": tenant,
        "first": first,
        "second": second,
        "third": third,
        "names": ",".join(names),
        "day": f"{day:%Y-%m-%d}",
    }


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
