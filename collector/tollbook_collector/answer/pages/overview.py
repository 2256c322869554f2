"""The overview: what was spent, how that compares, where it will end, and what it went to."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.budgets import budgets
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.forecast import forecasts
from tollbook_collector.answer.incidents import incidents
from tollbook_collector.answer.pages.budgets import shown
from tollbook_collector.answer.pages.chart import spend_chart
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.questions import Period, known_usd
from tollbook_collector.answer.series import Change, spend_changes, spend_series
from tollbook_collector.answer.tenant import Tenant

BUDGETS_SHOWN: Final = 4
INCIDENTS_SHOWN: Final = 4
# What is marked on the chart: findings about the calls that it draws, and not budgets or books.
MARKED_KINDS: Final = ("anomaly", "silence")
MARKS_MAX: Final = 12
MODEL: Final = ("provider", "model")
TABLES: Final = (("team",), ("feature",), ("service",))


@dataclass(frozen=True)
class Totals:
    """The sums of a table of changes."""

    calls: int
    errors: int
    unpriced_calls: int
    cost_usd: Decimal
    cost_usd_before: Decimal
    calls_before: int

    @property
    def known_usd(self) -> Decimal | None:
        """What all calls cost; None: none of them has a price."""
        return known_usd(self.cost_usd, self.unpriced_calls)

    @property
    def delta_usd(self) -> Decimal:
        """How much more than before."""
        return self.cost_usd - self.cost_usd_before


def totals(rows: Sequence[Change]) -> Totals:
    """Return the sums of a table of changes, exact."""
    return Totals(
        sum(row.calls for row in rows),
        sum(row.errors for row in rows),
        sum(row.unpriced_calls for row in rows),
        sum((row.cost_usd for row in rows), Decimal(0)),
        sum((row.cost_usd_before for row in rows), Decimal(0)),
        sum(row.calls_before for row in rows),
    )


def by_cost(rows: Sequence[Change]) -> list[Change]:
    """Return rows dearest first."""
    return sorted(rows, key=lambda row: (-row.cost_usd, -row.calls, tuple(row.dimensions.values())))


def add_overview(api: FastAPI, collector: Collected) -> None:
    """Add the overview."""

    @api.get("/", include_in_schema=False)
    def overview(request: Request, tenant: Tenant, since: str = "24h") -> Response:
        period, now = Period.back(since), datetime.now(UTC)
        store = collector.store
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            changes = asking.submit(spend_changes, store, tenant, period, [MODEL, *TABLES])
            drawn = asking.submit(spend_series, store, tenant, period, "model")
            expected = asking.submit(forecasts, store, tenant, "", "month", "UTC", now)
            told = asking.submit(incidents, store, tenant, "all")
            set_ones = asking.submit(budgets, store, tenant, now)
        (models, *tables), month, known = changes.result(), expected.result(), told.result()
        # Those that are resolved come last.
        found = [one for one in known if one["status"] != "resolved"]
        return page(
            request,
            "overview",
            {
                "title": "Overview",
                "since": since,
                "models": by_cost(models),
                "totals": totals(models),
                "month": month[0] if month else None,
                "budgets": [shown(row) for row in set_ones.result()][:BUDGETS_SHOWN],
                "incidents": found[:INCIDENTS_SHOWN],
                "incidents_open": len(found),
                "tables": [
                    (name, by_cost(rows)) for (name,), rows in zip(TABLES, tables, strict=True)
                ],
                "chart_data": {
                    **spend_chart(drawn.result(), period, "(no model)"),
                    "marks": _marks(known, period),
                },
            },
        )


def _marks(found: Sequence[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return the instants of a period at which something began that is an incident."""
    since = period.since.replace(tzinfo=None)
    marks = [
        {"x": int(row["started_at"].replace(tzinfo=UTC).timestamp()), "label": row["title"]}
        for row in found
        if row["kind"] in MARKED_KINDS and row["severity"] != "info" and row["started_at"] >= since
    ]
    return sorted(marks, key=lambda mark: mark["x"])[-MARKS_MAX:]
