"""Judges a block of series: rows in, the stretches in which something is wrong out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.channels import LIST_COST, REQUESTS, SCORED, SPEND
from tollbook_collector.detect.follow import follow
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.reference_prices import list_costs
from tollbook_collector.detect.stretch import alarming
from tollbook_collector.detect.watch import DAYS_MIN

# Channels that say that less came than was expected.
MISSING_CHANNELS: Final = tuple(
    SCORED.index(name) for name in ("requests_missing", "gap", "silence", "cache_share")
)
SILENT_CHANNELS: Final = tuple(
    SCORED.index(name) for name in ("requests_missing", "gap", "silence")
)
# It is over when so many rows added nothing to it.
QUIET_ROWS: Final = 2


@dataclass(frozen=True)
class Stretch:
    """A stretch of rows in which a series was alarming.

    Attributes:
        series: Its number in the block.
        first: First row of what was wrong.
        opened: The row that opened the alarm; growth is seen days after it began.
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
    opened: int
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
        learn: Shape (N, R), False for rows that teach nothing; None: those of the alarms found.
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
        heard = np.ones((len(SCORED), part.shape[-1]))
        if holes is not None:
            heard[SILENT_CHANNELS, :] *= ~holes[start:]
        if is_last_cut:
            heard[MISSING_CHANNELS, -1] = 0.0
        teaches = None if learn is None else learn[chosen, start:]
        said = follow(part, grid, opens_at, teaches, heard)
        for number, series in enumerate(chosen):
            expected = said.expected[number]
            spent = part[number, SPEND] - expected[SPEND]
            for one in alarming(
                part[number],
                expected,
                said.decades[number],
                said.strength[number],
                said.opened[number],
                grid,
            ):
                at = slice(one.first, one.last + 1)
                stretch = Stretch(
                    series=int(series),
                    first=start + one.first,
                    opened=start + one.opened,
                    last=start + one.last,
                    channel=SCORED[one.channel],
                    score=one.strength,
                    excess=float(spent[at].sum()),
                    expected_calls=float(expected[REQUESTS, at].sum()),
                    goes_on=one.last >= part.shape[-1] - QUIET_ROWS,
                )
                found.append(stretch)
    return found
