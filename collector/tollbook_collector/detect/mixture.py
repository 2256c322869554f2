"""What of a histogram no mixture of other histograms explains."""

import numpy as np

from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.histograms import SHARE_MIN, distance

# Steps of expectation-maximisation; the distance no longer moves in its third digit after 40.
STEPS = 40


def unexplained(shares: Floats, current: Floats) -> float:
    """Return the Jensen-Shannon distance of `current` to the likeliest mixture of `shares`.

    Args:
        shares: Shape (windows, bins), each window sums to 1.
        current: Shape (bins,), sums to 1.

    >>> round(unexplained(np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([0.5, 0.5])), 2)
    0.0
    >>> unexplained(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0.5, 0.5])) > 0.2
    True
    """
    parts = np.maximum(shares, SHARE_MIN)
    weights = np.full(len(parts), 1.0 / len(parts))
    for _ in range(STEPS):
        weights = weights * (parts @ (current / (weights @ parts)))
        weights /= weights.sum()
    return float(distance(weights @ parts, current))


def mixture_record(shares: Floats) -> float:
    """Return the mean of the two largest distances of a window to mixtures of the others.

    Args:
        shares: Shape (windows >= 2, bins).
    """
    left = [unexplained(np.delete(shares, k, axis=0), window) for k, window in enumerate(shares)]
    return float(np.sort(left)[-2:].mean())
