"""The noise of a series, and how many of its own standard deviations a sum is off.

A sum of calls varies as a·E + b·E²: the first part is the chance of single calls (their number and
their size), the second moves all of them together. Nights are ruled by a and days by b, so one
scale for both is blind at night, where a leaked key is used. The deviate integrates the variance
(Bartlett's transform), which gives busy and quiet hours, rises and falls, the same unit.
"""

import numpy as np

from tollbook_collector.detect.grid import Floats

# A row further out than this many deviations counts as if it were there: one incident must not
# teach a series to expect the next.
RESIDUAL_MAX = 4.0
# What is summed of a day, for quiet and for busy rows: E, E² and squared residuals.
MOMENTS = 3
# The part of the variance that all calls share is at most this (a third up or down): above it the
# deviate would be a logarithm, which finds bursts of any size alike.
SHARED_MAX = 0.1
# Quiet and busy rows closer than this tell nothing about the two parts of the noise.
SPREAD_MIN = 0.05
TINY = 1e-300


def deviate(total: Floats, expected: Floats, a: Floats, b: Floats) -> Floats:
    """Return how many standard deviations `total` lies from `expected`.

    Args:
        total: Sums, not negative, any shape.
        expected: Expected sums of the same shape.
        a: Variance per unit of a sum that comes from single calls, > 0.
        b: Square of the relative noise that all calls share, > 0.

    >>> one = np.array(1.0)
    >>> float(deviate(100 * one, 100 * one, one, 0.01 * one))
    0.0
    >>> round(float(deviate(115 * one, 100 * one, one, 0.01 * one)), 1)
    1.0
    """
    scale = np.sqrt(b / a)
    difference: Floats = np.arcsinh(scale * np.sqrt(total)) - np.arcsinh(scale * np.sqrt(expected))
    return difference * (2.0 / np.sqrt(b))


def day_moments(total: Floats, expected: Floats, usual: Floats, a: Floats, b: Floats) -> Floats:
    """Return the sums of one day from which `fit` learns the noise.

    Args:
        total: Rows of a day, shape (..., rows).
        expected: Their expectation, same shape.
        usual: The usual expectation of a row, shape (..., 1): splits rows into quiet and busy.
        a: Current noise, shape (..., 1).
        b: Current noise, shape (..., 1).

    Returns:
        Shape (..., 2, MOMENTS): for quiet and for busy rows the sums of E, E² and of the squared
        residual, cut at `RESIDUAL_MAX` deviations.
    """
    variance = a * expected + b * expected**2
    squared = np.minimum((total - expected) ** 2, RESIDUAL_MAX**2 * variance)
    busy = expected >= usual
    parts = [
        np.stack(
            [np.where(rows, what, 0.0).sum(-1) for what in (expected, expected**2, squared)],
            axis=-1,
        )
        for rows in (~busy, busy)
    ]
    return np.stack(parts, axis=-2)


def fit(moments: Floats, a_min: Floats, b_min: Floats, b_max: Floats) -> tuple[Floats, Floats]:
    """Return (a, b) that explain the quiet and the busy rows of the remembered days.

    Args:
        moments: Sums over days of `day_moments`, shape (..., 2, MOMENTS).
        a_min: Smallest a, shape (...): what single calls of this size must bring.
        b_min: Smallest b, shape (...).
        b_max: Largest b, shape (...); what it leaves over goes to a.
    """
    expected, squared_expected, residual = (moments[..., k] for k in range(MOMENTS))
    level = squared_expected / (expected + TINY)
    ratio = residual / (expected + TINY)
    spread = level[..., 1] - level[..., 0]
    clear = (spread > SPREAD_MIN * level[..., 1]) & (expected[..., 0] > 0)
    slope = np.where(clear, (ratio[..., 1] - ratio[..., 0]) / np.where(clear, spread, 1.0), 0.0)
    whole = expected.sum(-1) + TINY
    level_all, ratio_all = squared_expected.sum(-1) / whole, residual.sum(-1) / whole
    b = np.clip(slope, b_min, b_max)
    a = np.maximum(ratio_all - b * level_all, a_min)
    b = np.clip((ratio_all - a) / (level_all + TINY), b_min, b_max)
    return np.maximum(ratio_all - b * level_all, a), b
