"""Forecasts: what will have been spent, how sure, and how wrong it was before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from otlp_requests import call

from tollbook_collector.answer.forecast import forecasts
from tollbook_collector.answer.questions import WrongQuestion
from tollbook_collector.detect.budgets import Period
from tollbook_collector.detect.forecast import HISTORY_H, Forecast, forecast
from tollbook_collector.store.client import ClickHouse

NOW = datetime(2026, 11, 16, tzinfo=UTC)  # a Monday, midnight
MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def weeks(weekday_usd: float, weekend_usd: float, hours: int = HISTORY_H) -> np.ndarray:
    """Return hours before NOW, where 9 to 17 o'clock of a day costs so much an hour."""
    start = NOW - timedelta(hours=hours)
    ats = [start + timedelta(hours=hour) for hour in range(hours)]
    return np.array(
        [
            (weekday_usd if at.weekday() < 5 else weekend_usd) if 9 <= at.hour < 17 else 0.0
            for at in ats
        ]
    )


def made(history: np.ndarray, now: datetime = NOW) -> Forecast:
    found = forecast(history, Decimal(100), MONTH, "UTC", now)
    assert found is not None
    return found


def test_a_week_that_repeats_is_continued_hour_by_hour() -> None:
    found = made(weeks(10.0, 1.0))

    # From Monday the 16th to Monday the 30th, included: 11 working days and 4 of a weekend.
    assert found.expected_usd == pytest.approx(Decimal(100 + 11 * 8 * 10 + 4 * 8 * 1))
    assert found.error == pytest.approx(0, abs=0.01)
    assert found.origins >= 8
    assert found.low_usd <= found.expected_usd <= found.high_usd


def test_the_rest_of_the_hour_that_runs_counts_by_its_share() -> None:
    quarter_past_nine = NOW + timedelta(hours=9, minutes=15)
    history = np.append(weeks(10.0, 1.0), np.zeros(9))

    found = forecast(
        history,
        Decimal(0),
        Period(NOW, NOW + timedelta(days=1)),
        "UTC",
        quarter_past_nine,
    )

    assert found is not None
    assert float(found.expected_usd) == pytest.approx(7.75 * 10, rel=0.01)


@pytest.mark.parametrize("days", [21, 35, 56])
def test_the_interval_holds_what_came_about_as_often_as_it_says(days: int) -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(60):
        # Days differ, and the level of all wanders.
        wander = np.exp(np.cumsum(random.normal(0, 0.02, days + 15)))
        noise = np.repeat(random.lognormal(0, 0.3, days + 15) * wander, 24)
        truth = np.tile(weeks(10.0, 2.0)[:168], 11)[-24 * (days + 15) :] * noise
        history, rest = truth[: 24 * days], truth[24 * days :].sum()
        found = made(history)
        held += float(found.low_usd) <= 100 + rest <= float(found.high_usd)

    assert 0.75 <= held / 60 <= 0.97


def test_a_level_that_doubled_is_followed_and_the_error_of_the_past_is_told() -> None:
    history = weeks(10.0, 1.0)
    history[-168:] *= 2

    found = made(history)

    assert found.expected_usd > 100 + 11 * 8 * 15
    assert found.error is not None
    assert found.error > 0.05
    assert found.high_usd > found.expected_usd


@pytest.mark.parametrize("hours", [0, 1, 47])
def test_less_than_two_days_of_spend_forecast_nothing(hours: int) -> None:
    history = np.zeros(HISTORY_H)
    history[HISTORY_H - hours :] = 1.0

    assert forecast(history, Decimal(1), MONTH, "UTC", NOW) is None


def test_three_days_of_spend_give_a_wide_interval_and_no_record() -> None:
    history = np.zeros(HISTORY_H)
    history[-72:] = np.tile([1.0, 3.0, 2.0], 24)

    found = made(history)

    assert found.origins < 8
    assert found.low_usd < found.expected_usd < found.high_usd


def test_spend_is_forecast_by_dimension_without_any_budget(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    million = [
        call(
            "openai", "gpt-4o", 400_000, 0, at=NOW - timedelta(hours=h), **{"tollbook.tags.team": t}
        )
        for h in range(1, 24 * 10)
        for t in ("a", "b")
    ]
    insert(priced, million)

    # The midnight of the second one is within an hour of UTC.
    found = [
        forecasts(priced, tenant, "team", "month", zone, NOW) for zone in ("UTC", "Asia/Kolkata")
    ]

    for rows in found:
        assert [(row["value"], row["spent_usd"]) for row in rows] == [("a", 239), ("b", 239)]
        assert float(rows[0]["forecast_usd"]) == pytest.approx(239 + 15 * 24, rel=0.02)


def test_a_forecast_of_nothing_known_is_refused(priced: ClickHouse, tenant: str) -> None:
    for by, period, zone in (("colour", "day", "UTC"), ("", "year", "UTC"), ("", "day", "Moon")):
        with pytest.raises(WrongQuestion):
            forecasts(priced, tenant, by, period, zone, NOW)
