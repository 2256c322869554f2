"""The stretches of rows in which a series was alarming: where they began, and where they ended."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect import growth
from tollbook_collector.detect.channels import CHANNELS, GROWING, RECURRING, REQUESTS, SCORED
from tollbook_collector.detect.grid import Floats, Grid

# Stretches nearer than this share of a day are one.
MERGED_DAYS: Final = 0.25
# A row adds to an alarm if it adds this share of what its first rows do.
ADDING_SHARE: Final = 0.25


@dataclass(frozen=True)
class Alarming:
    """Rows of one series that are one alarm.

    Attributes:
        first: First row of what was wrong.
        opened: The row that opened the alarm; growth is seen days after it began.
        last: Last row that added to it; the alarm itself stays open for as long as its windows.
        channel: Index into SCORED of the channel with the strongest evidence.
        strength: Its largest strength.
    """

    first: int
    opened: int
    last: int
    channel: int
    strength: float


def alarming(
    rows: Floats,
    expected: Floats,
    decades: Floats,
    strength: Floats,
    opened: NDArray[np.bool_],
    grid: Grid,
) -> list[Alarming]:
    """Return the stretches of one series, by time.

    Args:
        rows: Shape (columns, R).
        expected: Spend and requests of comparable rows, shape (VOLUME_COLUMNS, R).
        decades: Evidence of each channel, shape (SCORED, R).
        strength: Of all, shape (R,).
        opened: Whether an alarm is open, shape (R,).
        grid: The tier.
    """
    found = []
    for at, last_open in stretches_of(opened, grid):
        peak = at + int(strength[at : last_open + 1].argmax())
        channel = int(decades[:, peak].argmax())
        first = _began(channel, at, grid)
        added = _added(rows, expected, channel, first)
        last = last_adding(added, first, last_open)
        found.append(Alarming(first, at, last, channel, float(strength[peak])))
    return found


def _began(scored: int, first: int, grid: Grid) -> int:
    """Return the row with which began what a channel said of row `first`."""
    if SCORED[scored] != "input_growth":
        return first
    return max(0, first // grid.rows_per_day - growth.DAYS_IN_A_ROW + 1) * grid.rows_per_day


def stretches_of(opened: NDArray[np.bool_], grid: Grid) -> list[tuple[int, int]]:
    """Return first and last row of each stretch; near ones are one.

    >>> from tollbook_collector.detect.grid import grid_of
    >>> stretches_of(np.array([False, True, True, False, True] + [False] * 9), grid_of(24))
    [(1, 4)]
    """
    at = np.flatnonzero(opened)
    if not len(at):
        return []
    apart = np.flatnonzero(np.diff(at) > max(1, int(grid.rows_per_day * MERGED_DAYS)))
    firsts = [int(at[0]), *(int(at[k + 1]) for k in apart)]
    lasts = [*(int(at[k]) for k in apart), int(at[-1])]
    return list(zip(firsts, lasts, strict=True))


def last_adding(added: Floats, first: int, last: int) -> int:
    """Return the last row of a stretch that adds to it, at least its first.

    >>> last_adding(np.array([0.0, 9.0, 8.0, 0.5, 0.0]), 1, 4)
    2
    """
    part = added[first : last + 1]
    if part.max() <= 0:
        return last
    return first + int(np.flatnonzero(part >= ADDING_SHARE * part.max())[-1])


def _added(rows: Floats, expected: Floats, scored: int, first: int) -> Floats:
    """Return what each row of a series adds to an alarm of a channel, in the channel's numerator.

    Args:
        rows: Shape (columns, R).
        expected: Spend and requests of comparable rows, shape (VOLUME_COLUMNS, R).
        scored: Index into `SCORED`.
        first: First row of the alarm: what was before it is usual.
    """
    if scored >= len(CHANNELS):
        if SCORED[scored] in ("gap", "silence"):
            return np.asarray(expected[REQUESTS] - rows[REQUESTS])
        grows = SCORED[scored] == "input_growth"
        channel = CHANNELS[GROWING if grows else RECURRING[scored - len(CHANNELS)]]
    else:
        channel = CHANNELS[scored]
    if channel.denominator is None:
        usual = expected[channel.numerator]
    else:
        above = rows[channel.numerator, :first].sum()
        below = rows[channel.denominator, :first].sum()
        usual = rows[channel.denominator] * (above / below if below > 0 else 0.0)
    return np.asarray(channel.direction * (rows[channel.numerator] - usual))
