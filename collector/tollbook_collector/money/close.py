"""Closing a month: its charges are frozen, and its report is kept as the bytes that it is.

What is printed of a closed month comes from these bytes alone, so it is the same for ever: neither
a price book nor late spans nor new rules of allocation change it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.money.allocation import (
    DIMENSIONS,
    DIRECT,
    Allocation,
    Line,
    TooManyLines,
    allocate,
)
from tollbook_collector.money.late import book_late_charges
from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.store import sql

MONTHS_MAX: Final = 1_200
LINES_MAX: Final = 100_000
USD_SCALE: Final = Decimal("1e-12")
LINE_COLUMNS: Final = (
    "kind",
    "service",
    "environment",
    "provider",
    "model",
    "team",
    "feature",
    "customer",
)


class WrongMonth(ValueError):
    """A month is not written as 2026-10, or cannot be closed; the message says why."""


@dataclass(frozen=True)
class Month:
    """A calendar month, UTC."""

    first_day: date

    @classmethod
    def parsed(cls, text: str) -> "Month":
        """Return the month written as 2026-10.

        Raises:
            WrongMonth: It is none.
        """
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
            raise WrongMonth(f"{text!r} is not a month from 2000 on, as in 2026-10")
        return cls(date(int(text[:4]), int(text[5:]), 1))

    @property
    def end(self) -> date:
        """The first day after it."""
        first = self.first_day
        return date(first.year + first.month // 12, first.month % 12 + 1, 1)

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m}"

    def parameters(self, tenant: str) -> dict[str, Any]:
        """Return the parameters of the questions about a month."""
        return {"tenant": tenant, "period": self.first_day.isoformat()}


def close(
    store: LedgerStore,
    tenant: str,
    month: Month,
    author: str,
    now: datetime,
    allocation: Allocation | None = None,
) -> bytes:
    """Close a month and return its report; a month that is closed already is left as it is.

    Raises:
        WrongMonth: It has not ended, or an earlier one with charges is open.
    """
    if report := stored_report(store, tenant, month):
        return report
    if now.astimezone(UTC).date() < month.end:
        raise WrongMonth(f"{month} can be closed once it has ended, from {month.end} UTC on")
    parameters = {"tenant": tenant, "limit": MONTHS_MAX}
    earlier = [
        period
        for (period,) in store.rows(sql.read("queries/open_months"), parameters)
        if period < month.first_day
    ]
    if earlier:
        raise WrongMonth(f"{earlier[0]:%Y-%m} has charges and is open: close it before {month}")
    # What came late to earlier months is charged here.
    book_late_charges(store)
    closed_at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    frozen = {**month.parameters(tenant), "closed_at": closed_at}
    store.command(sql.read("queries/close_charges"), frozen)
    report = _encoded(
        _report(store, "queries/closed_lines", frozen, month, allocation or Allocation())
    )
    digest = hashlib.sha256(report).hexdigest()
    columns = ["tenant", "period", "closed_at", "author", "report", "sha256"]
    row = [tenant, month.first_day, now.astimezone(UTC), author, report.decode(), digest]
    store.insert("closed_months", columns, [row])
    return stored_report(store, tenant, month) or report


def report(
    store: LedgerStore, tenant: str, month: Month, allocation: Allocation | None = None
) -> bytes:
    """Return the report of a month: as it was closed, or as it is now."""
    if stored := stored_report(store, tenant, month):
        return stored
    parameters = month.parameters(tenant)
    rules = allocation or Allocation()
    return _encoded(_report(store, "queries/open_lines", parameters, month, rules))


def stored_report(store: LedgerStore, tenant: str, month: Month) -> bytes:
    """Return the report of a closed month; empty: the month is open."""
    rows = store.rows(sql.read("queries/closed_month"), month.parameters(tenant))
    return str(rows[0][0]).encode() if rows else b""


def _report(
    store: LedgerStore,
    query: str,
    parameters: dict[str, Any],
    month: Month,
    allocation: Allocation,
) -> dict[str, Any]:
    closed_at = parameters.get("closed_at", "")
    rows = store.rows(sql.read(query), {**parameters, "limit": LINES_MAX + 1})
    if len(rows) > LINES_MAX:
        raise WrongMonth(f"{month} has more than {LINES_MAX} lines: use fewer values of the tags")
    lines = [
        {**dict(zip(LINE_COLUMNS, row, strict=False)), "calls": int(row[-2]), "cost_usd": row[-1]}
        for row in rows
    ]
    return {
        "month": str(month),
        "closed_at": closed_at and f"{closed_at.replace(' ', 'T')}Z",
        "calls": sum(line["calls"] for line in lines),
        "cost_usd": _plain(_sum(lines)),
        **{f"by_{column}": _by(lines, column) for column in ("kind", "model", "team", "service")},
        "allocation": _allocated(store, parameters, allocation, lines),
        "lines": [{**line, "cost_usd": _plain(line["cost_usd"])} for line in lines],
    }


def _allocated(
    store: LedgerStore,
    parameters: dict[str, Any],
    allocation: Allocation,
    lines: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the lines of cost centres, which add up to the charges."""
    try:
        allocated = allocate(store, parameters["tenant"], parameters["period"], allocation)
    except TooManyLines as error:
        raise WrongMonth(str(error)) from error
    # A call that came between the two questions is in one of them.
    calls = sum(line["calls"] for line in lines) - sum(line.calls for line in allocated)
    cost_usd = _sum(lines) - sum((line.cost_usd for line in allocated), Decimal(0))
    if calls or cost_usd:
        nowhere = ("",) * len(DIMENSIONS)
        allocated.append(Line(allocation.unallocated, DIRECT, nowhere, calls, cost_usd))
    return [
        {
            "cost_centre": line.cost_centre,
            "source": line.source,
            **dict(zip(DIMENSIONS, line.dimensions, strict=True)),
            "calls": line.calls,
            "cost_usd": _plain(line.cost_usd.quantize(USD_SCALE)),
        }
        for line in allocated
    ]


def _by(lines: Sequence[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Return the sums of lines by a column, dearest first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(str(line[column]), []).append(line)
    sums = [
        (_sum(group), value, sum(line["calls"] for line in group))
        for value, group in groups.items()
    ]
    sums.sort(key=lambda each: (-each[0], each[1]))
    return [
        {column: value, "calls": calls, "cost_usd": _plain(cost)} for cost, value, calls in sums
    ]


def _sum(lines: Sequence[dict[str, Any]]) -> Decimal:
    return sum((line["cost_usd"] for line in lines), Decimal(0))


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _encoded(report: dict[str, Any]) -> bytes:
    return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()
