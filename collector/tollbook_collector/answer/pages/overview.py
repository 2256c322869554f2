"""The overview: what was spent, how that compares, and what it went to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.chart import spend_chart
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.series import Change, spend_change, spend_series
from tollbook_collector.answer.tenant import Tenant


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
        period = Period.back(since)
        store = collector.store
        models = by_cost(spend_change(store, tenant, period, ["provider", "model"]))
        sums = totals(models)
        return page(
            request,
            "overview",
            {
                "title": "Overview",
                "since": since,
                "models": models,
                "totals": sums,
                "tables": [
                    ("team", by_cost(spend_change(store, tenant, period, ["team"]))),
                    ("feature", by_cost(spend_change(store, tenant, period, ["feature"]))),
                    ("service", by_cost(spend_change(store, tenant, period, ["service"]))),
                ],
                "chart_data": spend_chart(
                    spend_series(store, tenant, period, "model"), period, "(no model)"
                ),
            },
        )
