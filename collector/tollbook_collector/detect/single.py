"""A metric of which only the number is known: when something about it sets a record.

There are no channels to hold against each other, so a row has two scores in one. The first row of
an episode that sets a record (in level, season, or activity) scores above 1 and the next ones do
not, with a bar that rises after each alarm and sinks with time. All other rows score below 1, by
how far the last stretch is from every stretch of the warm-up.
"""

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.season import comparable_rows

# Rows after an alarm in which there is no other, and how the bar moves (in ranges of the past).
QUIET_ROWS = 100
BAR_FLOOR, BAR_STEP, BAR_MAX, BAR_MEMORY_ROWS = 0.01, 0.02, 1.0, 800.0
# An alarm is also raised within the quiet where the level is out by so many ranges of the past.
OUTSHINES = 0.5
SEASON_DAYS = 5
WIDE_SEASON_DAYS = 7
# A week and a day: before it a difference to last week has no record.
WEEKLY_DAYS_MIN = 8
NEIGHBOURS = 5
# Longer stretches find odd shapes and lose odd levels, which are most incidents of services.
STRETCH_ROWS_MIN, STRETCH_ROWS_MAX = 4, 8
# Stretches of the warm-up that are remembered.
REMEMBERED_MAX = 2000


def beyond_record(values: Floats, falls: bool = True) -> Floats:
    """Return how far each value passes all before it, in ranges of all before it; -1 for the first.

    >>> beyond_record(np.array([0.0, 1.0, 1.5, 1.0, -1.5])).round(2).tolist()[2:]
    [0.5, -0.33, 1.0]
    """
    if len(values) < 2:
        return np.full(len(values), -1.0)
    top = np.maximum.accumulate(values)[:-1]
    bottom = np.minimum.accumulate(values)[:-1]
    width = top - bottom + 1e-9 * (1.0 + np.abs(top))
    beyond = (values[1:] - top) / width
    if falls:
        beyond = np.maximum(beyond, (bottom - values[1:]) / width)
    beyond[0] = min(beyond[0], 0.0)
    return np.concatenate([[-1.0], beyond])


def rolling_mean(values: Floats, rows: int) -> Floats:
    """Return means over the last `rows` rows, of fewer at the beginning.

    >>> rolling_mean(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [1.0, 2.0, 4.0]
    """
    running = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(1, len(values) + 1)
    first = np.maximum(at - rows, 0)
    return np.asarray((running[at] - running[first]) / (at - first))


def records(values: Floats, rows_per_day: int) -> Floats:
    """Return by how much each row sets a record in anything, in ranges of the past.

    Args:
        values: Shape (rows,), any sign.
        rows_per_day: Rows a day.
    """
    day = rows_per_day
    steps = np.abs(np.diff(values, prepend=values[:1]))
    found = [beyond_record(values), beyond_record(rolling_mean(steps, 30))]
    if day > 1:
        unknown = np.full(1, np.nan)
        lags = [day * back for back in range(1, SEASON_DAYS + 1)]
        middle = comparable_rows(unknown, values, lags).middle
        around = [(back, near) for back in range(1, WIDE_SEASON_DAYS + 1) for near in range(-2, 3)]
        bottom, _, top = comparable_rows(unknown, values, [day * back - x for back, x in around])
        outside = np.maximum(values - top, 0.0) - np.maximum(bottom - values, 0.0)
        # A first day without a yesterday is on its season: its rows are part of the record as 0.
        row = np.arange(len(values))
        residual = np.where(row >= day, values - middle, 0.0)
        outside = np.where(row >= day + 2, outside, 0.0)
        weekly = rolling_mean(values[7 * day :] - values[: -7 * day], 20)
        found += [
            beyond_record(residual) - 0.05,
            beyond_record(rolling_mean(residual, 50)),
            beyond_record(rolling_mean(outside, 10)),
            beyond_record(rolling_mean(np.abs(residual), max(5, day // 4)), falls=False),
            _since(beyond_record(weekly) - 0.15, len(values), WEEKLY_DAYS_MIN * day),
        ]
    return np.asarray(np.max(found, axis=0))


def _since(strength: Floats, rows: int, first: int) -> Floats:
    """Return the strength of the last rows as one of all rows, -1 before row `first`."""
    whole = np.full(rows, -1.0)
    if len(strength):
        whole[rows - len(strength) :] = strength
    whole[:first] = -1.0
    return whole


def first_of_episodes(strength: Floats) -> Floats:
    """Return the bar's excess at the first row of each episode, 0 elsewhere.

    >>> first_of_episodes(np.array([0.0, 0.3, 0.4, 0.9])).round(2).tolist()
    [0.0, 0.29, 0.0, 0.0]
    """
    excess = np.zeros(len(strength))
    last, bar = -QUIET_ROWS - 1, 0.0
    for row in np.flatnonzero(strength > BAR_FLOOR):
        now = bar * np.exp(-(row - last) / BAR_MEMORY_ROWS)
        if row - last > QUIET_ROWS and strength[row] > BAR_FLOOR + now:
            excess[row] = strength[row] - BAR_FLOOR - now
            last, bar = int(row), min(now + BAR_STEP, BAR_MAX)
    return excess


def novelty(values: Floats, warmup: int, rows_per_day: int) -> Floats:
    """Return the distance of the stretch that ends at each row to those of the warm-up, >= 0.

    Args:
        values: Shape (rows,).
        warmup: Rows at the beginning that are taken for ordinary.
        rows_per_day: Rows a day; a stretch is at most a day and at most a third of the warm-up.
    """
    rows = int(np.clip(min(rows_per_day, warmup // 3), STRETCH_ROWS_MIN, STRETCH_ROWS_MAX))
    spread = values[:warmup].std() + 1e-9 * (1.0 + np.abs(values[:warmup]).max(initial=0.0))
    line = (values - values[:warmup].mean()) / spread
    padded = np.concatenate([np.full(rows - 1, line[0]), line])
    stretches = np.lib.stride_tricks.sliding_window_view(padded, rows)
    known = stretches[rows:warmup][:: max(1, warmup // REMEMBERED_MAX)]
    if len(known) <= NEIGHBOURS:
        return np.asarray(np.abs(line))
    squared = (known**2).sum(1)
    distances = np.empty(len(values))
    for first in range(0, len(values), REMEMBERED_MAX):
        part = stretches[first : first + REMEMBERED_MAX]
        apart = (part**2).sum(1)[:, None] + squared[None] - 2 * part @ known.T
        kth = np.partition(apart, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
        distances[first : first + REMEMBERED_MAX] = np.sqrt(np.maximum(kth, 0.0) / rows)
    return distances


def single_scores(values: Floats, warmup: int, rows_per_day: int) -> Floats:
    """Return a score for each row: above 1 where an episode begins, else below.

    Args:
        values: Shape (rows,), any sign.
        warmup: Rows at the beginning that are taken for ordinary, at least 1.
        rows_per_day: Rows a day.
    """
    far = novelty(values, warmup, rows_per_day)
    begins = first_of_episodes(records(values, rows_per_day)) > 0
    return np.asarray(np.where(begins, 1.0, 0.0) + far / (1.0 + far))


def single_alarms(values: Floats, scores: Floats) -> NDArray[np.bool_]:
    """Return the rows to tell: where an episode begins, and where the level is far out anyway.

    Args:
        values: Shape (rows,).
        scores: What `single_scores` said of them.
    """
    return np.asarray((scores >= 1.0) | (beyond_record(values) > OUTSHINES))
