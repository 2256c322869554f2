"""Forecasts over REST: what will have been spent when the day, week or month ends."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, get_args

from fastapi import FastAPI
from pydantic import ValidationError

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.budgets import Stored
from tollbook_collector.answer.questions import Answerer, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.detect.budget_watch import expect, measure
from tollbook_collector.detect.budgets import DIMENSIONS, Budget, PeriodName

ROWS_MAX: Final = 200


class _Reading:
    """A store that is only read."""

    def __init__(self, store: Answerer) -> None:
        self.rows = store.rows

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        raise NotImplementedError


def forecasts(
    store: Answerer, tenant: str, by: str, period: str, zone: str, now: datetime
) -> list[dict[str, Any]]:
    """Return what will have been spent when a period ends, for each value of a dimension.

    Args:
        store: The store.
        tenant: Whose spend.
        by: A dimension; empty: one row for all.
        period: day, week or month.
        zone: IANA time zone of the calendar.
        now: The instant from which on it is forecast.

    Raises:
        WrongQuestion: The dimension, period or zone is none.
    """
    if by and by not in DIMENSIONS:
        raise WrongQuestion(f"{by!r} is not a dimension; {', '.join(DIMENSIONS)} are")
    if period not in get_args(PeriodName):
        raise WrongQuestion(f"{period!r} is not a period; day, week and month are")
    try:
        # The limit plays no part in what is to be expected.
        asked = Budget.model_validate(
            {
                "name": "forecast",
                "tenant": tenant,
                "each": by or None,
                "usd": Decimal(1),
                "period": period,
                "zone": zone,
            }
        )
    except ValidationError:
        raise WrongQuestion(f"{zone!r} is not a time zone, as in Europe/Berlin") from None
    reading = _Reading(store)
    statuses = measure(reading, asked, now)[:ROWS_MAX]
    made = expect(reading, asked, statuses, now)
    rows = []
    for status in statuses:
        found = made.get(status.value)
        rows.append(
            {
                "value": status.value,
                "spent_usd": status.spent_usd,
                "unpriced_calls": status.unpriced_calls,
                "forecast_usd": found and found.expected_usd,
                "forecast_low_usd": found and found.low_usd,
                "forecast_high_usd": found and found.high_usd,
                "forecast_error": found and found.error,
                "back_tests": found.origins if found else 0,
                "period_ends_at": status.period_ends_at,
            }
        )
    return rows


def add_forecast(api: FastAPI, collector: Stored) -> None:
    """Add the route about forecasts."""

    @api.get("/v1/forecast")
    def show_forecast(
        tenant: Tenant, by: str = "", period: str = "month", zone: str = "UTC"
    ) -> dict[str, Any]:
        """Return what will have been spent at the end of the period; unknown is null."""
        rows = forecasts(collector.store, tenant, by, period, zone, datetime.now(UTC))
        return {"rows": [plain_row(row) for row in rows]}
