"""Bursts: how far a volume passes the largest of each earlier day, in the spread of those days.

With rows of minutes a series is quiet for days and then has ten times its mean for an hour, and
some do so every other day. The size of a burst says little; that it is far beyond bursts that were
alike says much. So the largest sums of earlier days are compared as logarithms, and how much they
differ from day to day is the unit; likewise what comes back at a time of day that is quiet else.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.grid import Floats

# What days differ by as long as few are known: by a half, and believed as much as so many days.
SPREAD: Final = 0.5
SPREAD_DAYS: Final = 4.0
# A sum is taken for so many calls more, and this share of a usual stretch, so that small ones do
# not make large ratios.
CALLS_SPARE: Final = 3.0
USUAL_SHARE: Final = 1.0
USUAL_SHARE_AGAIN: Final = 0.5


def beyond_days(sums: Floats, peaks: Floats, spare: Floats) -> Floats:
    """Return how many spreads the sums lie above the largest day, shape (..., R).

    Args:
        sums: Sums of stretches, shape (..., R).
        peaks: Largest such sum of each earlier day, NaN where unknown, shape (..., days).
        spare: What is added to each, more than 0, shape (...).

    >>> calm = np.log([[100.0, 110.0, 105.0, 100.0]])
    >>> wild = np.log([[10.0, 110.0, 40.0, 100.0]])
    >>> [round(float(beyond_days(np.array([[400.0]]), np.exp(x), np.array([1.0]))[0, 0]), 1)
    ...  for x in (calm, wild)]
    [3.4, 1.6]
    """
    logs = np.log(peaks + spare[..., None])
    known = ~np.isnan(logs)
    largest = np.where(known, logs, -np.inf).max(-1)
    top = np.where(largest == -np.inf, np.inf, largest)
    unit = np.sqrt(_variance(logs, known.sum(-1)))
    return np.asarray((np.log(sums + spare[..., None]) - top[..., None]) / unit[..., None])


def beyond_hours(sums: Floats, earlier: Floats, near: int, spare: Floats) -> Floats:
    """Return how many spreads the sums lie above the same time of all earlier days.

    Args:
        sums: Sums of the stretches that end at today's rows so far, shape (..., R).
        earlier: Of the rows of earlier days, NaN where unknown, shape (..., days, rows a day).
        near: Rows either way that count as the same time.
        spare: What is added to each, more than 0, shape (...).
    """
    # Loaded where it is needed: a start without minutes to judge is spared its half second.
    from scipy.ndimage import maximum_filter1d  # type: ignore[import-untyped,unused-ignore]

    logs = np.log(earlier + spare[..., None, None])
    known = ~np.isnan(logs)
    line = np.where(known, logs, -np.inf).reshape(*logs.shape[:-2], -1)
    widest = maximum_filter1d(line, 2 * near + 1, mode="nearest").reshape(logs.shape).max(-2)
    top = np.where(widest == -np.inf, np.inf, widest)[..., : sums.shape[-1]]
    # One for all times of day: each has too few days of its own.
    unit = np.sqrt(_variance(np.swapaxes(logs, -1, -2), known.sum(-2)).mean(-1))
    return np.asarray((np.log(sums + spare[..., None]) - top) / unit[..., None])


def _variance(logs: Floats, known: NDArray[np.int64]) -> Floats:
    """Return by how much days differ, squared, shape (...), from logarithms (..., days)."""
    mean = np.nansum(logs, axis=-1) / np.maximum(known, 1)
    squares = np.nansum((logs - mean[..., None]) ** 2, axis=-1) + SPREAD_DAYS * SPREAD**2
    return np.asarray(squares / (np.maximum(known, 1) - 1 + SPREAD_DAYS))
