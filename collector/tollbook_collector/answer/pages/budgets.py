"""Budgets: how much of each is used, how fast it goes, and whether it will last."""

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.budgets import budgets
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.tenant import Tenant


def add_budgets(api: FastAPI, collector: Collected) -> None:
    """Add the page of budgets."""

    @api.get("/budgets", include_in_schema=False)
    def list_budgets(request: Request, tenant: Tenant) -> Response:
        rows = [shown(row) for row in budgets(collector.store, tenant, datetime.now(UTC))]
        return page(
            request,
            "budgets",
            {
                "title": "Budgets",
                "rows": rows,
                "over": [row for row in rows if row["used"] > 1],
                "not_lasting": [row for row in rows if row["ends_over"] and row["used"] <= 1],
            },
        )


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a budget with the shares of its limit that a page draws.

    Args:
        row: As the question `budgets` answers.
    """
    limit = row["limit_usd"]
    now = datetime.now(UTC).replace(tzinfo=None)
    length = (row["period_ends_at"] - row["period_starts_at"]).total_seconds()
    low, high = row["forecast_low_usd"], row["forecast_high_usd"]
    return {
        **row,
        "used": float(row["spent_usd"] / limit),
        "elapsed": min(1.0, (now - row["period_starts_at"]).total_seconds() / length),
        "low": None if low is None else float(low / limit),
        "high": None if high is None else float(high / limit),
        "ends_over": row["forecast_usd"] is not None and row["forecast_usd"] > limit,
        "about": row["value"] or ", ".join(v for vs in row["chosen"].values() for v in vs),
    }
