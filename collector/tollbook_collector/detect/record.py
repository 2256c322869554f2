"""The record of a statistic: the worst it was on each remembered day, and the scale made of it.

A score above 1 means "worse than anything this series did in four weeks". That needs no
distribution, only that days are exchangeable.
"""

import numpy as np

from tollbook_collector.detect.grid import Floats


def largest(days: Floats, delays: tuple[int, ...]) -> Floats:
    """Return the largest of the remembered days for each window, shape (..., windows).

    Args:
        days: Worst of each day, newest last, shape (..., windows, days).
        delays: For each window, how many days old a day must be to count.

    >>> largest(np.array([[1.0, 5.0, 2.0], [1.0, 5.0, 9.0]]), (1, 2)).tolist()
    [5.0, 5.0]
    """
    length = days.shape[-1]
    parts = [days[..., k, : length - delay + 1].max(-1) for k, delay in enumerate(delays)]
    return np.stack(parts, axis=-1)
