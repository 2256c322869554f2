"""Bursts: how far a volume passes each earlier day, in the spread of those days.

With rows of minutes a series is quiet for days and then has ten times its mean for an hour, and
some do so every other day. What people and jobs do comes in spikes; a loop or a thief goes on. So a
stretch counts for what it had in all of its rows, or in most of them, and is compared with earlier
days as a logarithm; how much those differ from day to day is the unit.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.grid import Floats

# What days differ by as long as few are known: by a half, and believed as much as so many days.
SPREAD: Final = 0.5
SPREAD_DAYS: Final = 4.0
# A row is taken for so many calls more, and this share of a usual row, so that small ones do not
# make large ratios.
CALLS_SPARE: Final = 3.0
USUAL_SHARE: Final = 1.0
# What comes back does so in a whole stretch, so what is spare is spread over it.
USUAL_SHARE_AGAIN: Final = 0.5
# Of a stretch that comes back so many rows may be quieter.
QUIETER_SHARE: Final = 0.25
# What has come back is strange on its third day.
DAYS_IN_A_ROW: Final = 3


def steady(tail: Floats, rows: Floats, window: int, quieter: int = 0) -> Floats:
    """Return what the stretch that ends at each row had in all of its rows, or all but some.

    Args:
        tail: The rows before, shape (..., T), T at least the window.
        rows: The rows to end at, shape (..., R).
        window: Rows of a stretch.
        quieter: Rows of it that may have less.

    >>> steady(np.array([1.0, 9.0]), np.array([4.0, 8.0, 6.0]), 2).tolist()
    [4.0, 4.0, 6.0]
    """
    line = np.concatenate([tail[..., tail.shape[-1] - window + 1 :], rows], axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(line, window, axis=-1)
    if not quieter:
        return np.asarray(windows.min(-1))
    return np.asarray(np.partition(windows, quieter, axis=-1)[..., quieter])


def beyond_days(levels: Floats, peaks: Floats, spare: Floats) -> Floats:
    """Return how many spreads the levels lie above the largest day, shape (..., R).

    Args:
        levels: What stretches had, shape (..., R).
        peaks: Largest of each earlier day, NaN where unknown, shape (..., days).
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
    return np.asarray((np.log(levels + spare[..., None]) - top[..., None]) / unit[..., None])


def beyond_hours(levels: Floats, earlier: Floats, near: int, spare: Floats) -> Floats:
    """Return how many spreads the levels lie above the same time of all earlier days.

    Args:
        levels: What the stretches had that end at today's rows so far, shape (..., R).
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
    top = np.where(widest == -np.inf, np.inf, widest)[..., : levels.shape[-1]]
    # One for all times of day: each has too few days of its own.
    unit = np.sqrt(_variance(np.swapaxes(logs, -1, -2), known.sum(-2)).mean(-1))
    return np.asarray((np.log(levels + spare[..., None]) - top) / unit[..., None])


def _variance(logs: Floats, known: NDArray[np.int64]) -> Floats:
    """Return by how much days differ, squared, shape (...), from logarithms (..., days)."""
    mean = np.nansum(logs, axis=-1) / np.maximum(known, 1)
    squares = np.nansum((logs - mean[..., None]) ** 2, axis=-1) + SPREAD_DAYS * SPREAD**2
    return np.asarray(squares / (np.maximum(known, 1) - 1 + SPREAD_DAYS))
