"""Forecasts what will have been spent at the end of a period, with an interval and its own record.

The expected spend of an hour is the mean of that hour of the week, recent weeks first, times the
level of the last week. The same forecast is made at earlier instants, where what came is known:
its error stands beside the figure, and the interval is as wide as those errors were, and wider
where they are few: forecasts that overlap are not as many as they look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tollbook_collector.detect.budgets import Period

HISTORY_H: Final = 8 * 7 * 24
# Less than this tells nothing about an hour to come.
HISTORY_H_MIN: Final = 48
WEEK_H: Final = 168
# A week counts half as much as the one two weeks after it.
HALF_LIFE_H: Final = 2 * WEEK_H
# How far the level follows the last week: 0 not at all, 1 wholly.
LEVEL_FOLLOWS: Final = 0.7
ORIGINS_MAX: Final = 28
# From so many back-tests on, their own spread says how wide the interval is.
ORIGINS_MIN: Final = 8
COVERAGE: Final = 0.8
# Of a young series, from day to day, as a share: that two days were alike says little.
SPREAD_MIN: Final = 0.25
NORMAL_QUANTILE: Final = 1.2816
# A forecast that was wrong by more than this factor tells no more than one that was wrong by it.
RATIO_MAX: Final = 20.0
CENT: Final = Decimal("0.000001")

Floats = npt.NDArray[np.float64]
Slots = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forecast:
    """What will have been spent when a period ends; an estimate, unlike what was spent.

    Args:
        expected_usd: The most likely sum.
        low_usd: Lower end of the 80 % interval.
        high_usd: Upper end of it.
        error: Mean absolute error of the same forecast made in the past, as a share of what came;
            None: there is not enough history to say.
        origins: How many forecasts of the past that rests on.
    """

    expected_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    error: float | None
    origins: int


def forecast(
    hourly_usd: Sequence[float] | Floats,
    spent_usd: Decimal,
    period: Period,
    zone: str,
    now: datetime,
) -> Forecast | None:
    """Return what will have been spent at the end of a period.

    Args:
        hourly_usd: Spend of each whole hour up to the one that runs, oldest first; that one is not
            among them. At most HISTORY_H are used. Zeros before the first spend are left out.
        spent_usd: What was spent in the period so far.
        period: The period.
        zone: IANA zone, whose clock the hours of the week are of.
        now: The instant up to which `spent_usd` counts.

    Returns:
        None with less than HISTORY_H_MIN hours since the first spend.
    """
    history = np.asarray(hourly_usd, dtype=np.float64)[-HISTORY_H:]
    spent_at = np.flatnonzero(history)
    if not len(spent_at) or len(history) - spent_at[0] < HISTORY_H_MIN:
        return None
    history = history[spent_at[0] :]
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    shares = _shares(now, period.ends_at, this_hour)
    slots = _slots(this_hour - timedelta(hours=len(history)), len(history) + len(shares), zone)
    rest = float(shares @ _hours(history, slots, len(history), len(shares)))
    tests = _back_test(history, slots, len(shares))
    low, high = _interval(history, tests, len(shares))
    return Forecast(
        expected_usd=spent_usd + _usd(rest),
        low_usd=spent_usd + _usd(rest * low),
        high_usd=spent_usd + _usd(rest * high),
        error=tests.error,
        origins=len(tests.ratios),
    )


def _shares(now: datetime, ends_at: datetime, this_hour: datetime) -> Floats:
    """Return which share of each hour is still to come, from the one that runs to the end."""
    count = max(0, -(-int((ends_at - this_hour).total_seconds()) // 3600))
    shares = np.ones(count)
    if count:
        shares[0] -= (now - this_hour).total_seconds() / 3600
        shares[-1] -= ((this_hour + timedelta(hours=count)) - ends_at).total_seconds() / 3600
    return np.clip(shares, 0.0, 1.0)


def _slots(start: datetime, count: int, zone: str) -> Slots:
    """Return the hour of the week of each hour, by the clock of a zone."""
    place = ZoneInfo(zone)
    local = ((start + timedelta(hours=hour)).astimezone(place) for hour in range(count))
    return np.array([at.weekday() * 24 + at.hour for at in local], dtype=np.int64)


def _hours(history: Floats, slots: Slots, origin: int, count: int) -> Floats:
    """Return the expected spend of the `count` hours from an origin on, from those before it."""
    past = history[:origin]
    ages = np.arange(origin, 0, -1)
    weights = 0.5 ** (ages / HALF_LIFE_H)
    # Two weeks tell the hours of a week apart; less tells those of a day.
    keys = slots if origin >= 2 * WEEK_H else slots % 24
    sums = np.bincount(keys[:origin], weights * past, WEEK_H)
    masses = np.bincount(keys[:origin], weights, WEEK_H)
    overall = float(weights @ past / weights.sum())
    profile = np.where(masses > 0, sums / np.where(masses > 0, masses, 1.0), overall)
    week = min(WEEK_H, origin)
    fitted = float(profile[keys[origin - week : origin]].sum())
    level = float(past[-week:].sum()) / fitted if fitted > 0 else 1.0
    expected: Floats = profile[keys[origin : origin + count]] * level**LEVEL_FOLLOWS
    return expected


@dataclass(frozen=True)
class _Tests:
    """What became of forecasts that were made in the past.

    Args:
        ratios: What came over what was forecast, for each origin.
        error: Mean absolute error, as a share of what came; None: nothing came.
        independent: How many of them do not overlap, at least 1.
        reach: How many times as far as they the forecast itself reaches, at least 1.
    """

    ratios: Floats
    error: float | None
    independent: float = 1.0
    reach: float = 1.0


def _back_test(history: Floats, slots: Slots, wanted: int) -> _Tests:
    """Return how forecasts of `wanted` hours, or of as many as can be tested, turned out."""
    # Where the history is short, shorter forecasts are tested.
    horizon = max(1, min(wanted, (len(history) - HISTORY_H_MIN) // 2))
    last = len(history) - horizon
    origins = list(range(last, HISTORY_H_MIN - 1, -24))[:ORIGINS_MAX]
    came, said = [], []
    for origin in origins:
        came.append(float(history[origin : origin + horizon].sum()))
        said.append(float(_hours(history, slots, origin, horizon).sum()))
    actual, predicted = np.array(came), np.array(said)
    if not len(origins) or actual.sum() <= 0:
        return _Tests(np.array([]), None)
    error = float(np.abs(actual - predicted).sum() / actual.sum())
    known = predicted > 0
    ratios = actual[known] / predicted[known]
    return _Tests(
        np.clip(ratios, 1 / RATIO_MAX, RATIO_MAX),
        round(error, 4),
        independent=1 + (origins[0] - origins[-1]) / horizon,
        reach=max(1.0, wanted / horizon),
    )


def _interval(history: Floats, tests: _Tests, horizon: int) -> tuple[float, float]:
    """Return the ends of the interval as factors of what is expected: at most 1, at least 1."""
    if len(tests.ratios) >= ORIGINS_MIN:
        # Quantiles of few values, as conformal prediction has it, counting those that are
        # independent; and the error of the level, which a longer reach multiplies.
        tail, number = (1 - COVERAGE) / 2, tests.independent
        at = min(1.0, (1 - tail) * (number + 1) / number)
        wider = (tests.reach * (1 + 1 / number)) ** 0.5
        low, high = np.quantile(tests.ratios, [1 - at, at]) ** wider
        return min(1.0, float(low)), max(1.0, float(high))
    days = len(history) // 24
    daily = history[-days * 24 :].reshape(days, 24).sum(axis=1)
    spread = float(daily.std(ddof=1) / daily.mean()) if days > 1 and daily.mean() > 0 else 1.0
    width = (
        NORMAL_QUANTILE * max(spread, SPREAD_MIN) * ((24 / max(horizon, 24)) ** 0.5 + days**-0.5)
    )
    return max(0.0, 1 - width), 1 + width


def _usd(value: float) -> Decimal:
    return Decimal(value).quantize(CENT)
