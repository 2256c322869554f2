"""Budgets over REST: how each stands in the period that runs."""

from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

BUDGETS_MAX: Final = 10_000
COLUMNS: Final = (
    "budget",
    "dimension",
    "value",
    "period",
    "zone",
    "period_starts_at",
    "period_ends_at",
    "chosen",
    "hard",
    "owner",
    "limit_usd",
    "spent_usd",
    "remaining_usd",
    "calls",
    "unpriced_calls",
    "crossed",
    "fast_burn",
    "slow_burn",
    "burning",
    "forecast_usd",
    "forecast_low_usd",
    "forecast_high_usd",
    "forecast_error",
    "measured_at",
)
LIMIT_COLUMNS: Final = (
    "budget",
    "dimension",
    "value",
    "chosen",
    "limit_usd",
    "spent_usd",
    "remaining_usd",
    "period_ends_at",
    "measured_at",
)


class Stored(Protocol):
    """What the routes need of the collector."""

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""


def budgets(store: Answerer, tenant: str, now: datetime) -> list[dict[str, Any]]:
    """Return each budget whose period runs, the one used most first; a key for each of COLUMNS."""
    rows = store.rows(sql.read("queries/budgets"), _parameters(tenant, now))
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def limits(store: Answerer, tenant: str, now: datetime) -> list[dict[str, Any]]:
    """Return each hard budget whose period runs, the least left first; keys are LIMIT_COLUMNS."""
    rows = store.rows(sql.read("queries/limits"), _parameters(tenant, now))
    return [dict(zip(LIMIT_COLUMNS, row, strict=True)) for row in rows]


def add_budgets(api: FastAPI, collector: Stored) -> None:
    """Add the routes about budgets."""

    @api.get("/v1/budgets")
    def show_budgets(tenant: Tenant) -> dict[str, Any]:
        """Return how each budget of the tenant stands; money is text, unknown is null."""
        rows = budgets(collector.store, tenant, datetime.now(UTC))
        return {"rows": [plain_row(row) for row in rows]}


def _parameters(tenant: str, now: datetime) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "now": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "limit": BUDGETS_MAX,
    }
