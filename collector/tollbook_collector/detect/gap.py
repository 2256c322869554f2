"""Silence: how many calls a run of empty rows has swallowed."""

import numpy as np

from tollbook_collector.detect.grid import Floats

# A row with less than this share of what it should have is silent.
SILENT_SHARE = 0.02


def swallowed(total: Floats, expected: Floats) -> Floats:
    """Return the calls that were expected since the last row that was not silent.

    Args:
        total: Calls, shape (..., rows).
        expected: Expected calls, same shape.

    >>> swallowed(np.array([4.0, 0.0, 0.0, 3.0, 0.0]), np.full(5, 2.0)).tolist()
    [0.0, 2.0, 4.0, 0.0, 2.0]
    """
    running = np.cumsum(expected, axis=-1)
    heard = np.where(total > SILENT_SHARE * expected, running, 0.0)
    return running - np.maximum.accumulate(heard, axis=-1)
