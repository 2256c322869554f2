"""Judges a block of series: rows in, the stretches in which something is wrong out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect import growth
from tollbook_collector.detect.channels import (
    CHANNELS,
    GROWING,
    LIST_COST,
    RECURRING,
    REQUESTS,
    SCORED,
    SPEND,
)
from tollbook_collector.detect.combine import strengths
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.hysteresis import alarms
from tollbook_collector.detect.limits import CLOSES_AT, OPENS_AT, tails_of
from tollbook_collector.detect.reference_prices import list_costs
from tollbook_collector.detect.watch import DAYS_MIN, replay

# Channels that say that less came than was expected.
MISSING_CHANNELS: Final = tuple(
    SCORED.index(name) for name in ("requests_missing", "gap", "silence", "cache_share")
)
SILENT_CHANNELS: Final = tuple(
    SCORED.index(name) for name in ("requests_missing", "gap", "silence")
)
# Stretches nearer than this share of a day are one.
MERGED_DAYS: Final = 0.25
# It is over when so many rows added nothing to it.
QUIET_ROWS: Final = 2
# A row adds to an alarm if it adds this share of what its first rows do.
ADDING_SHARE: Final = 0.25
# An alarm closes at this share of the strength at which it opened.
CLOSES_AT_SHARE: Final = CLOSES_AT / OPENS_AT


@dataclass(frozen=True)
class Stretch:
    """A stretch of rows in which a series was alarming.

    Attributes:
        series: Its number in the block.
        first: First alarming row.
        last: Last row that added to it; the alarm itself stays open for as long as its windows.
        channel: The channel with the strongest evidence.
        score: Its strength, in decades of rarity.
        excess: Dollars beyond what comparable rows cost, over its rows; less than 0 where less
            was spent.
        expected_calls: What comparable rows had.
        goes_on: Whether one of the newest rows belongs to it.
    """

    series: int
    first: int
    last: int
    channel: str
    score: float
    excess: float
    expected_calls: float
    goes_on: bool


def judge(
    rows: Floats,
    grid: Grid,
    opens_at: float,
    first_rows: tuple[int, ...],
    learn: NDArray[np.bool_] | None = None,
    holes: NDArray[np.bool_] | None = None,
    is_last_cut: bool = False,
) -> list[Stretch]:
    """Return the alarming stretches of series, by series and time.

    Args:
        rows: Shape (N, columns, R) as `channels.COLUMNS`, the first row begins a day; `list_cost`
            is written into it.
        grid: The tier.
        opens_at: Strength at which an alarm opens.
        first_rows: Of each series, the first row with a call: before it, it did not exist.
        learn: Shape (N, days), False for days that teach nothing; None: all teach.
        holes: Shape (R,), True for rows of which no data came at all, so that no series of its own
            was silent in them.
        is_last_cut: The last row is not complete: less in it says nothing.
    """
    found: list[Stretch] = []
    begins = np.array(first_rows, dtype=np.int64) // grid.rows_per_day
    days = -(-rows.shape[-1] // grid.rows_per_day)
    # A series begins on the day of its first call, and is too young to be judged for a week.
    for day in np.unique(begins[begins + DAYS_MIN < days]):
        chosen = np.flatnonzero(begins == day)
        start = int(day) * grid.rows_per_day
        part = rows[chosen][..., start:]
        part[:, LIST_COST] = list_costs(part, grid.rows_per_day)
        replayed = replay(part, grid, None if learn is None else learn[chosen, day:])
        scores = replayed.scores
        if holes is not None:
            scores[:, SILENT_CHANNELS] *= ~holes[start:]
        if is_last_cut:
            scores[:, MISSING_CHANNELS, -1] = 0.0
        decades, strength = strengths(scores, grid, tails_of(grid))
        opened = alarms(strength, opens_at, opens_at * CLOSES_AT_SHARE)
        for number, series in enumerate(chosen):
            spent = part[number, SPEND] - replayed.expected[number, SPEND]
            for first, last_open in stretches_of(opened[number], grid):
                peak = first + int(strength[number, first : last_open + 1].argmax())
                channel = int(decades[number, :, peak].argmax())
                first = _began(channel, first, grid)
                added = _added(part[number], replayed.expected[number], channel, first)
                last = last_adding(added, first, last_open)
                at = slice(first, last + 1)
                stretch = Stretch(
                    series=int(series),
                    first=start + first,
                    last=start + last,
                    channel=SCORED[channel],
                    score=float(strength[number, peak]),
                    excess=float(spent[at].sum()),
                    expected_calls=float(replayed.expected[number, REQUESTS, at].sum()),
                    goes_on=last >= strength.shape[-1] - QUIET_ROWS,
                )
                found.append(stretch)
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
