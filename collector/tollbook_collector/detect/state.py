"""What is remembered of the closed days of many series.

It is a function of the rows alone: after a crash it is made again by replaying the remembered days,
so nothing of it needs to be kept on disk.
"""

from dataclasses import dataclass

import numpy as np

from tollbook_collector.detect import burst, growth
from tollbook_collector.detect.channels import CHANNELS, COLUMNS, RECURRING, VOLUME_COLUMNS
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.noise import MOMENTS

# Lags reach one row beyond the remembered days.
SPARE_DAYS = 1


@dataclass(frozen=True)
class State:
    """The closed days of N series; C channels, W windows, D remembered days of B rows.

    Attributes:
        grid: The tier.
        days: Days that were closed, all of them.
        past: Rows, NaN where unknown, shape (N, columns, (D + SPARE_DAYS) * B).
        weight: How much of a row a ratio learns from, 0 to 1, shape (N, D * B).
        levels: Actual over expected of the last two days, shape (N, VOLUME_COLUMNS, 2).
        tail_total: Numerators of the last rows, shape (N, C, longest window).
        tail_expected: What they were held against, same shape.
        tail_middle: What they were expected to be, same shape.
        moments: Noise by day, shape (N, C, D, 2, MOMENTS).
        records: Worst deviate by day, shape (N, C, W, D).
        recurring: Yesterday's deviates, shape (N, 2 * recurring channels, B).
        recurring_records: Worst recurrence by day, then longest silence, shape
            (N, 2 * recurring channels + 1, D).
        peaks: Largest steady level of each day, NaN where unknown, shape (N, recurring channels,
            D).
        stretches: Those of the stretches that may come back, by the row that they end at, NaN where
            unknown, shape (N, recurring channels, D, B); no days where the grid has no such window.
        again: How strange those of the last days were for their time, shape (N, recurring channels,
            burst.DAYS_IN_A_ROW - 1, B).
        growth: Of what a call reads.
    """

    grid: Grid
    days: int
    past: Floats
    weight: Floats
    levels: Floats
    tail_total: Floats
    tail_expected: Floats
    tail_middle: Floats
    moments: Floats
    records: Floats
    recurring: Floats
    recurring_records: Floats
    peaks: Floats
    stretches: Floats
    again: Floats
    growth: growth.Remembered


def begin(series: int, grid: Grid) -> State:
    """Return the state of `series` series of which nothing is known."""
    day, memory = grid.rows_per_day, grid.memory_days
    tail = np.zeros((series, len(CHANNELS), grid.tail_rows))
    pairs = 2 * len(RECURRING)
    days = memory if grid.burst_windows else 0
    return State(
        grid=grid,
        days=0,
        past=np.full((series, len(COLUMNS), (memory + SPARE_DAYS) * day), np.nan),
        weight=np.zeros((series, memory * day)),
        levels=np.ones((series, VOLUME_COLUMNS, 2)),
        tail_total=tail,
        tail_expected=tail,
        tail_middle=tail,
        moments=np.zeros((series, len(CHANNELS), memory, 2, MOMENTS)),
        records=np.zeros((series, len(CHANNELS), len(grid.windows), memory)),
        recurring=np.zeros((series, pairs, day)),
        recurring_records=np.zeros((series, pairs + 1, memory)),
        peaks=np.full((series, len(RECURRING), memory), np.nan),
        stretches=np.full((series, len(RECURRING), days, day), np.nan),
        again=np.zeros((series, len(RECURRING), burst.DAYS_IN_A_ROW - 1, day)),
        growth=growth.begin(series, grid),
    )


def pushed(ring: Floats, new: Floats, axis: int = -1) -> Floats:
    """Return `ring` with `new` at its end and as much less at its beginning.

    >>> pushed(np.array([1.0, 2.0, 3.0]), np.array([4.0])).tolist()
    [2.0, 3.0, 4.0]
    """
    line = np.concatenate([ring, new], axis=axis)
    length = line.shape[axis]
    return np.take(line, np.arange(length - ring.shape[axis], length), axis=axis)
