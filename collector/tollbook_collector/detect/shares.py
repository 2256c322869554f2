"""The usual share of a numerator in its denominator, by time of day and of the week."""

import numpy as np

from tollbook_collector.detect.channels import CHANNELS, RATIOS
from tollbook_collector.detect.grid import Floats, Grid

# How much of the share of a time of day is taken from the share of the whole day: at night there
# are too few calls to know better.
WHOLE_DAY_SHARE = 0.1
# A stretch of an earlier week is this many hours long, and is believed against so many typical
# stretches of the daily share.
STRETCH_HOURS_HALF = 3
PRIOR_STRETCHES = 0.5
WEEKS = 4
WEEKLY_DAYS_MIN = 14


def usual_share(numerator: Floats, denominator: Floats) -> Floats:
    """Return numerator over denominator by row of the day, 0 where nothing is known.

    Args:
        numerator: Sums over the remembered days by row of the day, shape (..., rows).
        denominator: Same shape.

    >>> usual_share(np.array([10.0, 30.0]), np.array([10.0, 10.0])).round(2).tolist()
    [1.17, 2.83]
    """
    above = numerator + WHOLE_DAY_SHARE * numerator.sum(-1, keepdims=True)
    below = denominator + WHOLE_DAY_SHARE * denominator.sum(-1, keepdims=True)
    return np.asarray(np.where(below > 0, above / np.where(below > 0, below, 1.0), 0.0))


def stretches(rows: Floats, half: int) -> Floats:
    """Return sums over the rows from `half` before to `half` after each, cut at both ends.

    >>> stretches(np.array([1.0, 2.0, 4.0]), 1).tolist()
    [3.0, 7.0, 6.0]
    """
    pad = np.zeros((*rows.shape[:-1], half))
    zero = np.zeros((*rows.shape[:-1], 1))
    running = np.cumsum(np.concatenate([zero, pad, rows, pad], axis=-1), axis=-1)
    return np.asarray(running[..., 2 * half + 1 :] - running[..., : -2 * half - 1])


def expected_ratios(
    past: Floats, rows: Floats, grid: Grid, days: int
) -> tuple[Floats, Floats, Floats]:
    """Return what the numerators of the ratio channels should be.

    Args:
        past: Remembered rows, weighted, 0 where unknown; shape (N, columns, days * rows a day).
        rows: Today's rows so far, shape (N, columns, R).
        grid: The tier.
        days: Days that are known.

    Returns:
        The expectation by the usual share and the one by the worst share of the same hour of
        earlier weeks, both shape (N, ratio channels, R), and the sums of `past` by column,
        shape (N, columns).
    """
    count, day = rows.shape[-1], grid.rows_per_day
    by_row = past.reshape(*past.shape[:2], -1, day).sum(2)
    half = max(1, day * STRETCH_HOURS_HALF // 24)
    weekly = day > 1 and days >= WEEKLY_DAYS_MIN
    sums = stretches(past, half) if weekly else past
    typical = by_row.sum(-1) * (
        (2 * half + 1) * PRIOR_STRETCHES / max(min(days * day, past.shape[-1]), 1)
    )
    usual, worst = [], []
    for k in RATIOS:
        channel = CHANNELS[k]
        above, below = channel.numerator, channel.denominator
        assert below is not None
        share = usual_share(by_row[:, above], by_row[:, below])[:, :count]
        bound = share
        for week in range(1, min(WEEKS, days // 7) + 1) if weekly else ():
            at = slice(past.shape[-1] - 7 * day * week, past.shape[-1] - 7 * day * week + count)
            prior = typical[:, below, None]
            then = (sums[:, above, at] + share * prior) / (sums[:, below, at] + prior + 1e-300)
            bound = np.maximum(bound, then) if channel.direction > 0 else np.minimum(bound, then)
        # Nothing was ever below the line (embeddings have no output): no ratio, so no news of one.
        known = by_row[:, below].sum(-1, keepdims=True) > 0
        usual.append(np.where(known, rows[:, below] * share, rows[:, above]))
        worst.append(np.where(known, rows[:, below] * bound, rows[:, above]))
    return np.stack(usual, axis=1), np.stack(worst, axis=1), by_row.sum(-1)
