"""Goes through a history as it was lived: what alarmed taught nothing from then on.

Live, the rows of an incident are not learned from, so the next odd day is news sooner. How good the
detectors are is therefore measured along this path, and a replay of a user's history goes it too.
Each row is judged from the rows before it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.channels import SCORED, VOLUME_COLUMNS
from tollbook_collector.detect.combine import strengths
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.hysteresis import alarms
from tollbook_collector.detect.known import ACCEPTED_DAYS
from tollbook_collector.detect.limits import CLOSES_AT, OPENS_AT, tails_of
from tollbook_collector.detect.state import begin
from tollbook_collector.detect.stretch import alarming
from tollbook_collector.detect.watch import close_day, score_rows


@dataclass(frozen=True)
class Followed:
    """A history that was judged row by row.

    Attributes:
        decades: Evidence of each channel, shape (N, SCORED, R).
        strength: Of all, shape (N, R).
        opened: Whether an alarm was open, shape (N, R).
        expected: Spend and requests that comparable rows had, shape (N, VOLUME_COLUMNS, R).
    """

    decades: Floats
    strength: Floats
    opened: NDArray[np.bool_]
    expected: Floats


def follow(
    rows: Floats,
    grid: Grid,
    opens_at: float = OPENS_AT,
    learn: NDArray[np.bool_] | None = None,
    heard: Floats | None = None,
) -> Followed:
    """Return what was said of each row.

    Args:
        rows: Shape (N, columns, R); the first row begins a day.
        grid: The tier.
        opens_at: Strength at which an alarm opens.
        learn: Shape (N, R), False for the rows that taught nothing, where that is known; None:
            those of the alarms that are found on the way.
        heard: Shape (SCORED, R), 0 where a channel may not speak, else 1; None: all may.
    """
    count, day = rows.shape[-1], grid.rows_per_day
    closes_at = opens_at * CLOSES_AT / OPENS_AT
    state, tails = begin(len(rows), grid), tails_of(grid)
    scores = np.zeros((len(rows), len(SCORED), count))
    said = Followed(
        np.zeros_like(scores),
        np.zeros((len(rows), count)),
        np.zeros((len(rows), count), dtype=bool),
        np.zeros((len(rows), VOLUME_COLUMNS, count)),
    )
    is_open = np.zeros(len(rows), dtype=bool)
    for first in range(0, count, day):
        today = slice(first, min(first + day, count))
        scored = score_rows(state, rows[..., today])
        scores[..., today] = scored.scores * (1.0 if heard is None else heard[:, today])
        said.expected[..., today] = scored.middle
        # A ratio is also judged by its last day.
        decades, strength = strengths(scores[..., max(0, first - day) : today.stop], grid, tails)
        length = today.stop - first
        said.decades[..., today] = decades[..., -length:]
        said.strength[:, today] = strength[:, -length:]
        said.opened[:, today] = alarms(said.strength[:, today], opens_at, closes_at, is_open)
        is_open = said.opened[:, today.stop - 1]
        if length == day:
            teaches = _teaches(rows, said, grid, first) if learn is None else learn[:, today]
            state = close_day(state, rows[..., today], scored, teaches)
    return said


def _teaches(rows: Floats, said: Followed, grid: Grid, first: int) -> NDArray[np.bool_]:
    """Return which rows of the day that begins at `first` teach, shape (N, rows a day)."""
    day = grid.rows_per_day
    end = first + day
    teaches = np.ones((len(rows), day), dtype=bool)
    for series in np.flatnonzero(said.opened[:, first:end].any(-1)):
        stretches = alarming(
            rows[series, :, :end],
            said.expected[series, :, :end],
            said.decades[series, :, :end],
            said.strength[series, :end],
            said.opened[series, :end],
            grid,
        )
        for one in stretches:
            last = min(one.last, one.opened + ACCEPTED_DAYS * day - 1)
            teaches[series, max(0, one.opened - first) : max(0, last + 1 - first)] = False
    return teaches
