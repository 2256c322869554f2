"""When an alarm opens and closes: high to open, low to close, so one incident is one alarm."""

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.grid import Floats


def alarms(
    scores: Floats, opens_at: float, closes_at: float, is_open: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Return for each row whether an alarm is open.

    Args:
        scores: Shape (series, rows).
        opens_at: Score at which an alarm opens.
        closes_at: Score below which an open alarm closes, at most `opens_at`.
        is_open: Whether one is open before the first row, shape (series,).

    >>> alarms(np.array([[0.0, 3.0, 1.5, 0.5, 1.5]]), 2.0, 1.0).tolist()
    [[False, True, True, False, False]]
    """
    if closes_at > opens_at:
        raise ValueError(f"an alarm that opens at {opens_at} cannot close at {closes_at}")
    rows = scores.shape[-1]
    decided = (scores >= opens_at) | (scores < closes_at)
    last = np.maximum.accumulate(np.where(decided, np.arange(rows), -1), axis=-1)
    before = np.zeros(len(scores), dtype=bool) if is_open is None else is_open
    at_last = np.take_along_axis(scores >= opens_at, np.maximum(last, 0), axis=-1)
    return np.where(last >= 0, at_last, before[:, None])
