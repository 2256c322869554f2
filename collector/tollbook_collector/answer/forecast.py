"""Forecasts over REST: what will have been spent when the day, week or month ends."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, get_args

from fastapi import FastAPI
from pydantic import ValidationError

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.budgets import Stored
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion, spend
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.detect.budget_watch import expect, histories, measure
from tollbook_collector.detect.budgets import DIMENSIONS, Budget, PeriodName
from tollbook_collector.detect.forecast import Forecast

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
    spent, made = _known(store, asked, by, now)
    ends_at = asked.period_at(now).ends_at
    rows = []
    for value, (spent_usd, unpriced_calls) in list(spent.items())[:ROWS_MAX]:
        found = made.get(value)
        rows.append(
            {
                "value": value,
                "spent_usd": spent_usd,
                "unpriced_calls": unpriced_calls,
                "forecast_usd": found and found.expected_usd,
                "forecast_low_usd": found and found.low_usd,
                "forecast_high_usd": found and found.high_usd,
                "forecast_error": found and found.error,
                "back_tests": found.origins if found else 0,
                "period_ends_at": ends_at,
            }
        )
    return rows


def _known(
    store: Answerer, asked: Budget, by: str, now: datetime
) -> tuple[dict[str, tuple[Decimal, int]], dict[str, Forecast]]:
    """Return what each value cost so far and its calls without a price, and what is expected."""
    period, reading = asked.period_at(now), _Reading(store)
    with ThreadPoolExecutor(1) as asking:
        known = asking.submit(histories, reading, asked, now)
        if period.starts_at.minute or period.ends_at.minute:
            # A midnight within an hour: the minutes beside the whole hours count too.
            spent = {
                status.value: (status.spent_usd, status.unpriced_calls)
                for status in measure(reading, asked, now)
            }
        else:
            whole = Period(period.starts_at, period.ends_at)
            spent = {
                row.dimensions.get(by, ""): (row.cost_usd, row.unpriced_calls)
                for row in spend(store, asked.tenant, whole, [by] if by else [])
            }
    if not by and not spent:
        spent = {"": (Decimal(0), 0)}
    usd = {value: cost for value, (cost, _) in spent.items()}
    return spent, expect(known.result(), usd, asked, now)


def add_forecast(api: FastAPI, collector: Stored) -> None:
    """Add the route about forecasts."""

    @api.get("/v1/forecast")
    def show_forecast(
        tenant: Tenant, by: str = "", period: str = "month", zone: str = "UTC"
    ) -> dict[str, Any]:
        """Return what will have been spent at the end of the period; unknown is null."""
        rows = forecasts(collector.store, tenant, by, period, zone, datetime.now(UTC))
        return {"rows": [plain_row(row) for row in rows]}
