"""Drift of a number (tokens, latency, a score): a window that is unlike the windows before it.

A fixed distance calls every weekday drift, because traffic is a mixture of jobs whose shares
wander. So a window is held against the best mixture of the windows before it, and what is left
over against what is left over when each of those is held against the others. The far tail, where
few calls cost much, is held against its range. A change that is not certain (p < `CERTAIN`) is
none.
"""

import math
from dataclasses import dataclass

import numpy as np

from tollbook_collector.detect.certainty import tail_probability, two_sample_probability
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.histograms import edges_of, shares_of
from tollbook_collector.detect.mixture import mixture_record, unexplained

BINS_MIN, BINS_MAX, VALUES_PER_BIN = 8, 45, 22
# What is left over below this is within what a thousand calls differ by.
UNEXPLAINED_MIN = 0.05
# The range of a logarithm (about a relative change) that is taken for granted.
LOG_RANGE_MIN = 0.1
OUTSIDE_MAX = 2.0
TAIL_QUANTILE = 0.99
TAIL_WEIGHT = 0.7
# The score at which 6 % of the days of unchanged real clients pass, with a week of windows.
LIMIT = 1.42
CERTAIN = 1e-4
WINDOWS_MIN = 3


@dataclass(frozen=True)
class Drift:
    """How a window compares with the ones before it.

    Attributes:
        score: Above 1 is drift.
        shape: What no mixture of the earlier windows explains, over what that is among them.
        outside: How far the tail lies outside its range, in ranges, 0 to `OUTSIDE_MAX`.
        probability: That windows without drift differ as much.
    """

    score: float
    shape: float
    outside: float
    probability: float


def outside(past: Floats, now: float, range_min: float) -> float:
    """Return how far a number lies outside the range of the past, in ranges, at most `OUTSIDE_MAX`.

    >>> outside(np.array([1.0, 3.0]), 4.0, 0.1)
    0.5
    """
    width = max(float(past.max() - past.min()), range_min)
    beyond = max(now - float(past.max()), float(past.min()) - now, 0.0)
    return min(OUTSIDE_MAX, beyond / width)


def numeric_drift(history: list[Floats], current: Floats) -> Drift:
    """Return how a window of values compares with the windows before it.

    Args:
        history: At least `WINDOWS_MIN` earlier windows of values >= 0, none empty.
        current: The window to judge, not empty.

    Raises:
        ValueError: There are too few windows, or one is empty.
    """
    if len(history) < WINDOWS_MIN or not len(current) or not all(map(len, history)):
        raise ValueError(
            f"{len(history)} earlier windows and {len(current)} values; drift needs at least "
            f"{WINDOWS_MIN} windows and a value in each"
        )
    windows = _thinned(history, len(current))
    pool = np.concatenate(windows)
    size = min(len(current), 4 * min(map(len, windows)))
    edges = edges_of(pool, int(np.clip(size / VALUES_PER_BIN, BINS_MIN, BINS_MAX)))
    shares = np.stack([shares_of(window, edges) for window in windows])
    left = unexplained(shares, shares_of(current, edges))
    shape = left / max(mixture_record(shares), UNEXPLAINED_MIN)
    tails = np.array([np.log1p(np.quantile(window, TAIL_QUANTILE)) for window in windows])
    beyond = outside(tails, float(np.log1p(np.quantile(current, TAIL_QUANTILE))), LOG_RANGE_MIN)
    probability = min(two_sample_probability(pool, current), tail_probability(pool, current))
    effect = math.hypot(shape, TAIL_WEIGHT * beyond) / LIMIT
    certainty = math.log(max(probability, 1e-300)) / math.log(CERTAIN)
    return Drift(min(effect, certainty), shape, beyond, probability)


def _thinned(history: list[Floats], count: int) -> list[Floats]:
    """Return the windows, cut to the size of a much smaller current one; the same cut each time."""
    if count >= np.median([len(window) for window in history]) / 1.5:
        return history
    generator = np.random.default_rng(0)
    return [
        generator.choice(window, count, replace=False) if len(window) > count else window
        for window in history
    ]
