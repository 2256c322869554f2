"""What a volume should be: the range of comparable rows, widened by the level of the last days.

A row is news where it is outside everything that comparable rows were (the same hour of the week,
an hour either way, four weeks). The top follows growth and the bottom a decline, so a launch that
climbs a tenth a day stays inside, and one bad day cannot move either by more than a third.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.grid import Floats, Grid

# A day's level may pass the level of the day before it by this factor; the rest is not believed.
LEVEL_STEP_MAX = 1.35
# The level counts up to this factor either way: beyond it the days are bursts and not growth.
LEVEL_MAX = 2.5
# From this many days on, rows are compared by hour of the week and not by hour of the day.
WEEKLY_DAYS_MIN = 14
# The parts of a day of which its level is the median.
DAY_PARTS = 8
WEEKS = 4
WEEKS_DAILY = 8


class Comparable(NamedTuple):
    """What comparable rows were: three arrays of one shape."""

    bottom: Floats
    middle: Floats
    top: Floats


def comparable_lags(grid: Grid, days: int) -> list[int]:
    """Return how many rows back the comparable rows lie, for a history of so many days.

    >>> from tollbook_collector.detect.grid import grid_of
    >>> comparable_lags(grid_of(24), 28)[:3]
    [169, 168, 167]
    >>> comparable_lags(grid_of(24), 7)[:3]
    [26, 25, 24]
    """
    day = grid.rows_per_day
    if day == 1:
        return [7 * week for week in range(1, WEEKS_DAILY + 1)]
    if days >= WEEKLY_DAYS_MIN:
        return [7 * day * week - near for week in range(1, WEEKS + 1) for near in (-1, 0, 1)]
    return [day * back - near for back in range(1, 8) for near in (-2, -1, 0, 1, 2)]


def comparable_rows(past: Floats, rows: Floats, lags: list[int]) -> Comparable:
    """Return bottom, middle and top of the comparable rows, 0 where there are none.

    Args:
        past: Earlier rows, shape (..., P); NaN where nothing is known.
        rows: The rows to expect, shape (..., R), directly after `past`.
        lags: Rows back, each at least 1.

    >>> past, rows = np.array([1.0, 2.0, 9.0, np.nan]), np.array([5.0])
    >>> [float(x[0]) for x in comparable_rows(past, rows, [1, 2, 3, 4])]
    [1.0, 2.0, 9.0]
    """
    line = np.concatenate([past, rows], axis=-1)
    start, count = past.shape[-1], rows.shape[-1]
    picked = np.full((len(lags), *rows.shape), np.nan)
    for k, lag in enumerate(lags):
        skip = max(0, lag - start)
        if skip < count:
            picked[k, ..., skip:] = line[..., start - lag + skip : start - lag + count]
    ordered = np.sort(picked, axis=0)  # unknown ones last
    known = (~np.isnan(picked)).sum(0)
    newest = np.maximum(known - 1, 0)

    def rank(at: NDArray[np.int64]) -> Floats:
        return np.asarray(np.take_along_axis(ordered, at[None], 0)[0])

    middle = (rank(newest // 2) + rank((newest + 1) // 2)) / 2
    return Comparable(*(np.nan_to_num(x) for x in (ordered[0], middle, rank(newest))))


def day_level(rows: Floats, middle: Floats) -> Floats:
    """Return a day's actual over expected, within 0.1 and 10, shape (...).

    It is the median of the day's parts: growth raises all of them, a leaked key only the night.

    Args:
        rows: Rows of the day, shape (..., rows).
        middle: Their expectation, same shape.

    >>> quiet, busy = np.ones(24), np.ones(24)
    >>> busy[:5] = 9.0
    >>> float(day_level(busy, quiet)), float(day_level(2 * quiet, quiet))
    (1.0, 2.0)
    """
    parts = DAY_PARTS if rows.shape[-1] % DAY_PARTS == 0 else 1
    actual, expected = (x.reshape(*x.shape[:-1], parts, -1).sum(-1) for x in (rows, middle))
    known = expected > 0
    ratio = np.sort(np.where(known, actual / np.where(known, expected, 1.0), np.inf), axis=-1)
    last = np.maximum(known.sum(-1, keepdims=True) - 1, 0)
    low, high = (np.take_along_axis(ratio, at, -1)[..., 0] for at in (last // 2, (last + 1) // 2))
    return np.asarray(np.clip((low + high) / 2, 0.1, 10.0))


def level_range(levels: Floats) -> tuple[Floats, Floats]:
    """Return (bottom, top) factors on the comparable rows that the last two days justify.

    Args:
        levels: Actual over expected of earlier days, newest last, shape (..., days >= 2).

    >>> [float(x) for x in level_range(np.array([1.0, 1.2, 1.3]))]
    [1.0, 1.3]
    >>> [float(x) for x in level_range(np.array([1.0, 1.0, 50.0]))]
    [1.0, 1.35]
    """
    yesterday, before = levels[..., -1], levels[..., -2]
    top = np.minimum(yesterday, LEVEL_STEP_MAX * np.maximum(before, 1.0))
    bottom = np.maximum(yesterday, np.minimum(before, 1.0) / LEVEL_STEP_MAX)
    return np.clip(bottom, 1.0 / LEVEL_MAX, 1.0), np.clip(top, 1.0, LEVEL_MAX)
