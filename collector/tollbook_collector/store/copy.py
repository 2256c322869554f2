"""Copies one store into another: history moves from the embedded store to a server.

The target has tables and no views while it is filled, so that nothing is rolled up twice: roll-ups
are copied as they are. A table that remembers inserts goes day by day, in slices, each an insert
with a token of its own and a mark after it; killed anywhere, the copy goes on at the first slice
without a mark, and the token makes sure of one that was done and not marked. A table that does not
(they are small) is emptied and copied as a whole. In the end counts and sums of every table and day
are compared, to the last digit. While a copy has begun and not finished no collector loads into the
target: it may run, and keeps what it takes in its spool.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

# Of a slice: an insert of that many spans takes some 300 MB in either store.
SLICE_ROWS: Final = 200_000
WHOLE: Final = date(1970, 1, 1)
MARKS: Final = "store_copies"
MARKS_MADE_BY: Final = "migrations/0160_store_copies"
MARK_COLUMNS: Final = ("source", "event", "table_name", "day", "slice", "slices", "rows")
# What belongs to a store and not to what is in it.
LEFT_OUT: Final = frozenset({"schema_ledger", "leases", MARKS})
# One insert is one block: what makes its token hold for all of its rows.
INSERT_SETTINGS: Final = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "max_insert_block_size": 4 * SLICE_ROWS,
    "min_insert_block_size_rows": 4 * SLICE_ROWS,
    "min_insert_block_size_bytes": 0,
    "throw_on_max_partitions_per_insert_block": 0,
}


class TargetNotEmpty(Exception):
    """The target has data, or views, that are not of this copy; nothing was changed."""


class SchemasDiffer(Exception):
    """Source and target were migrated by different versions; nothing was copied."""


class CopyDiffers(Exception):
    """After the copy, counts or sums are not the same; the message names table and day."""


@dataclass(frozen=True)
class Table:
    """A table that holds rows.

    Args:
        name: Of the table.
        kind: Its engine.
        sorting: What it is ordered by, as the engine prints it.
        keeps_days: Days after which the engine drops its rows; 0: it keeps them.
        day_column: The column whose UTC day cuts it; empty: none.
        remembers: Whether it knows the token of an insert again.
        columns: Names and types, in order.
    """

    name: str
    kind: str
    sorting: str
    day_column: str
    keeps_days: int
    remembers: bool
    columns: tuple[tuple[str, str], ...]

    @property
    def by_day(self) -> bool:
        """Whether it is copied day by day."""
        return self.remembers and bool(self.day_column)

    def written(self, query: str) -> str:
        """Return a query about it, with its own expressions in their places."""
        day = f"toDate({self.day_column})" if self.by_day else "toDate('1970-01-01')"
        names = ", ".join(f"`{name}`" for name, _ in self.columns)
        final = " FINAL" if "Replacing" in self.kind else ""
        text = sql.read(f"queries/{query}")
        for placeholder, own in (
            ("day_of_row", day),
            ("all_columns", names),
            ("sorting_of_row", self.sorting),
            ("sums_of_rows", ", ".join(self._sums())),
            ("which_rows", "{table:Identifier}" + final),
        ):
            text = text.replace(placeholder, own)
        return text

    def _sums(self) -> Iterator[str]:
        # Rows of the others are added up and merged whenever the engine likes.
        if not self.kind.endswith(("SummingMergeTree", "AggregatingMergeTree")):
            yield "toString(count())"
        for name, kind in self.columns:
            plain = kind.removeprefix("LowCardinality(").removeprefix("Nullable(")
            summed = plain.removeprefix("SimpleAggregateFunction(sum, ")
            if summed.startswith("Decimal"):
                yield f"toString(ifNull(sum(`{name}`), 0))"
            elif summed.startswith(("UInt", "Int")) and not (
                self.kind.endswith("SummingMergeTree") and name in self.sorting
            ):
                yield f"toString(ifNull(sum(toInt256(`{name}`)), 0))"


@dataclass(frozen=True)
class Part:
    """What is copied at once: a slice of a day of a table."""

    table: Table
    day: date
    slice: int
    slices: int
    rows: int

    @property
    def mark(self) -> tuple[str, date, int]:
        """What names it among the marks."""
        return (self.table.name, self.day, self.slice)


@dataclass(frozen=True)
class Copied:
    """What a copy did.

    Args:
        rows: Rows that are in the target.
        parts: Parts that were copied now.
        parts_before: Parts that an earlier run had copied.
        days: Days of tables whose sums were compared, and found the same.
    """

    rows: int
    parts: int
    parts_before: int
    days: int


class StoreCopy:
    """A copy of a store into another one.

    Args:
        source: Which nobody writes to meanwhile.
        target: An empty database, or one that this copy was begun in.
        slice_rows: Rows of a slice, about.
    """

    def __init__(
        self, source: ClickHouse, target: ClickHouse, slice_rows: int = SLICE_ROWS
    ) -> None:
        self._source = source
        self._target = target
        self._slice_rows = slice_rows
        [(name,)] = source.rows(sql.read("queries/copy_source")) or [("",)]
        self._name = str(name)

    def run(self, progress: Callable[[int, int], None] = lambda done, all_rows: None) -> Copied:
        """Copy what is not copied yet, compare, and open the target for collectors.

        Args:
            progress: Called after each part with the rows copied so far and all rows.

        Raises:
            TargetNotEmpty: The target is not this copy's; nothing was changed.
            SchemasDiffer: The versions differ; nothing was copied.
            CopyDiffers: Something is not the same; the target stays closed.
            StoreUnavailable, StoreRefused: A store did not answer; run it again to go on.
        """
        marks = self._begin()
        tables = _tables(self._source)
        parts, slicing = self._plan(tables, marks)
        every_row, done = sum(part.rows for part in parts), 0
        copied = 0
        for table, of_table in _grouped(parts):
            if not table.remembers and any(part.mark not in slicing for part in of_table):
                self._target.command(sql.read("queries/copy_truncate"), {"table": table.name})
                slicing = {mark for mark in slicing if mark[0] != table.name}
            for part in of_table:
                if part.mark not in slicing:
                    self._copy(part)
                    copied += 1
                done += part.rows
                progress(done, every_row)
        days = self._compare(tables)
        sql.migrate(self._target, self._target.cluster)
        self._mark("finished")
        return Copied(every_row, copied, len(parts) - copied, days)

    def _begin(self) -> list[Sequence[Any]]:
        """Make the target's tables, mark the copy as begun, and return the marks there are."""
        if not self._name:
            raise SchemasDiffer("the source has no tables of tollbook")
        self._refuse_other_schema()
        if self._has(self._target, MARKS):
            marks = list(self._target.rows(sql.read("queries/copy_marks")))
            events = {(str(mark[0]), str(mark[1])) for mark in marks}
            if (self._name, "finished") in events:
                raise TargetNotEmpty("this store was copied there already, to its end")
            if (self._name, "started") in events:
                sql.migrate(self._target, self._target.cluster, (sql.FROZEN_FOLDER,))
                return [mark for mark in marks if mark[0] == self._name and mark[1] == "part"]
        if self._has(self._target, "schema_ledger"):
            raise TargetNotEmpty(
                "the database at the target is in use: name another one with --to-database, or"
                " drop it, and copy before a collector is started with it"
            )
        # The mark comes before the other tables: killed among them, the copy knows them as its own.
        for statement in sql.statements(MARKS_MADE_BY, self._target.cluster):
            self._target.command(statement)
        self._mark("started")
        sql.migrate(self._target, self._target.cluster, (sql.FROZEN_FOLDER,))
        return []

    def _refuse_other_schema(self) -> None:
        rows = self._source.rows(sql.read("queries/schema_ledger"))
        here = {str(file) for file, _ in rows if str(file).startswith(f"{sql.FROZEN_FOLDER}/")}
        own = set(sql.names(sql.FROZEN_FOLDER))
        if here != own:
            raise SchemasDiffer(
                f"the store lacks {', '.join(sorted(own - here)[:3]) or 'nothing'} and has"
                f" {', '.join(sorted(here - own)[:3]) or 'nothing'} that this version does not"
                " know: start a collector of this version on it once, stop it, and copy then"
            )

    def _plan(
        self, tables: Sequence[Table], marks: Sequence[Sequence[Any]]
    ) -> tuple[list[Part], set[tuple[str, date, int]]]:
        """Return all parts, cut as an earlier run has cut them, and the marks of those done."""
        cut = {(str(mark[2]), mark[3]): int(mark[5]) for mark in marks}
        done = {(str(mark[2]), mark[3], int(mark[4])) for mark in marks}
        parts = []
        for table in tables:
            for day, rows in self._source.rows(table.written("copy_days"), {"table": table.name}):
                slices = cut.get((table.name, day)) or -(-int(rows) // self._slice_rows)
                parts += [
                    Part(table, day, number, slices, int(rows) // slices)
                    for number in range(slices)
                ]
        return parts, done

    def _copy(self, part: Part) -> None:
        parameters = {
            "table": part.table.name,
            "day": part.day,
            "slice": part.slice,
            "slices": part.slices,
        }
        named = f"{self._name} {part.table.name} {part.day} {part.slice} of {part.slices}"
        token = hashlib.sha256(named.encode()).hexdigest()
        settings: dict[str, Any] = dict(INSERT_SETTINGS)
        if part.table.remembers:
            settings["insert_deduplication_token"] = token
        rows = self._source.streamed(part.table.written("copy_rows"), "Native", parameters)
        columns = [name for name, _ in part.table.columns]
        self._target.insert_stream(part.table.name, columns, rows, settings)
        self._mark("part", part)

    def _compare(self, tables: Sequence[Table]) -> int:
        """Return of how many days of tables the sums are the same.

        Raises:
            CopyDiffers: Those of one are not.
        """
        days = 0
        for table in tables:
            here, there = (self._sums(store, table) for store in (self._source, self._target))
            for day in sorted(here.keys() | there.keys()):
                if table.keeps_days and day <= oldest_kept(table.keeps_days):
                    continue  # either store may have dropped it, at any moment
                if here.get(day) != there.get(day):
                    raise CopyDiffers(
                        f"{table.name} of {day}: {here.get(day)} in the source,"
                        f" {there.get(day)} in the target; drop the target and copy again"
                    )
                days += 1
        return days

    def _sums(self, store: ClickHouse, table: Table) -> Mapping[date, Sequence[str]]:
        rows = store.rows(table.written("copy_sums"), {"table": table.name})
        return {day: list(sums) for day, sums in rows}

    def _mark(self, event: str, part: Part | None = None) -> None:
        of_part = (*part.mark, part.slices, part.rows) if part else ("", WHOLE, 0, 0, 0)
        self._target.insert(MARKS, MARK_COLUMNS, [(self._name, event, *of_part)])

    @staticmethod
    def _has(store: ClickHouse, table: str) -> bool:
        return store.rows(sql.read("queries/copy_table_exists"), {"table": table}) == [(1,)]


def unfinished(clickhouse: ClickHouse) -> bool:
    """Return whether a copy into a database has begun and not finished."""
    exists = clickhouse.rows(sql.read("queries/copy_table_exists"), {"table": MARKS})
    return exists == [(1,)] and bool(clickhouse.rows(sql.read("queries/copy_unfinished")))


def oldest_kept(keeps_days: int) -> date:
    """Return the last UTC day whose rows may be dropped already."""
    return datetime.now(UTC).date() - timedelta(days=keeps_days)


def _tables(store: ClickHouse) -> list[Table]:
    return [
        Table(
            str(name),
            str(kind),
            str(sorting),
            str(day_column),
            int(keeps_days),
            bool(remembers),
            tuple((str(column), str(of)) for column, of, _ in columns),
        )
        for name, kind, sorting, day_column, keeps_days, remembers, columns in store.rows(
            sql.read("queries/copy_tables")
        )
        if name not in LEFT_OUT
    ]


def _grouped(parts: Sequence[Part]) -> Iterator[tuple[Table, list[Part]]]:
    """Yield the parts of each table, in their order."""
    by_table: dict[str, list[Part]] = {}
    for part in parts:
        by_table.setdefault(part.table.name, []).append(part)
    for of_table in by_table.values():
        yield of_table[0].table, of_table
