"""Growth that stays: what a call reads is more than on any earlier day like it, days in a row.

A prompt that grew by a third is seldom out of the range of a series that has days of short prompts
and days of long ones. But each of its days is unlike all earlier days of that weekday, in tokens
for each call and for each token of an answer, and in life that does not happen on four in a row.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect import record
from tollbook_collector.detect.channels import REQUESTS, TOKENS_INPUT, TOKENS_OUTPUT
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.window_sums import trailing_sums

# What is looked at of each row, and the two denominators of its input.
TOKENS: Final = (TOKENS_INPUT, REQUESTS, TOKENS_OUTPUT)
DENOMINATORS: Final = (1, 2)
# So many days in a row must be unlike earlier ones.
DAYS_IN_A_ROW: Final = 4
# A series younger than this has too few days of each weekday.
DAYS_MIN: Final = 14
WEEK_DAYS: Final = 7
# Growth by less than this, as a logarithm, is not news.
GROWTH_MIN: Final = 0.08
# Nor is less than this many times what its days are usually unlike earlier ones.
USUAL_MEANS: Final = 2.0


@dataclass(frozen=True)
class Remembered:
    """What is remembered of the closed days of N series; D remembered days of B rows.

    Attributes:
        tokens: Of the last day's rows, shape (N, TOKENS, B).
        sizes: Logarithm of input over each denominator in the day that ends at each row, NaN where
            unknown, shape (N, DENOMINATORS, D * B).
        unlike: Growth beyond the nearest earlier day, of the last days' rows, shape
            (N, DAYS_IN_A_ROW - 1, B).
        records: Largest growth of each day that lasted days, shape (N, 1, D).
        means: Mean of each day's `unlike`, NaN where unknown, shape (N, D).
    """

    tokens: Floats
    sizes: Floats
    unlike: Floats
    records: Floats
    means: Floats


@dataclass(frozen=True)
class Growth:
    """What today's rows say.

    Attributes:
        sizes: As remembered, shape (N, DENOMINATORS, R).
        unlike: As remembered, shape (N, R).
        lasting: The least of `unlike` over the days in a row, shape (N, R).
        scores: The same over the record, shape (N, 1, R).
    """

    sizes: Floats
    unlike: Floats
    lasting: Floats
    scores: Floats


def begin(series: int, grid: Grid) -> Remembered:
    """Return what is remembered of series of which nothing is known."""
    # Minutes are remembered for too few weeks.
    day, memory = grid.rows_per_day, 0 if grid.burst_windows else grid.memory_days
    return Remembered(
        tokens=np.zeros((series, len(TOKENS), day)),
        sizes=np.full((series, len(DENOMINATORS), memory * day), np.nan),
        unlike=np.zeros((series, DAYS_IN_A_ROW - 1, day)),
        records=np.zeros((series, 1, grid.memory_days)),
        means=np.full((series, grid.memory_days), np.nan),
    )


def grown(before: Remembered, rows: Floats, grid: Grid, days: int) -> Growth:
    """Return how far the rows of today are beyond what their weekday was.

    Args:
        before: The closed days.
        rows: Today's rows so far, shape (N, columns, R).
        grid: The tier.
        days: How many days were closed.
    """
    count, day = rows.shape[-1], grid.rows_per_day
    sums = trailing_sums(before.tokens, rows[:, TOKENS], (day,))[:, :, 0]
    known = (sums[:, :1] > 0) & (sums[:, DENOMINATORS] > 0) & (days > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.where(known, np.log(sums[:, :1] / sums[:, DENOMINATORS]), np.nan)
    unlike = np.zeros((len(rows), count))
    if days >= DAYS_MIN and not grid.burst_windows:
        length = before.sizes.shape[-1]
        lags = [k * day for k in range(WEEK_DAYS, min(days, grid.memory_days) + 1, WEEK_DAYS)]
        earlier = np.stack([before.sizes[..., length - lag :][..., :count] for lag in lags])
        beyond = sizes - earlier
        nearest = np.nan_to_num(np.where(np.isnan(beyond), np.inf, np.abs(beyond)).min(0), posinf=0)
        rises = np.where(np.isnan(beyond), -np.inf, beyond).max(0) > 0
        unlike = np.where(rises, nearest, 0.0).min(1)
    lasting = np.minimum(unlike, before.unlike[..., :count].min(1))
    known_days = ~np.isnan(before.means)
    mean = np.nansum(before.means, axis=-1) / np.maximum(known_days.sum(-1), 1)
    worst = record.largest(before.records, (DAYS_IN_A_ROW + 1,))
    usual = np.maximum(np.maximum(worst, USUAL_MEANS * mean[:, None]), GROWTH_MIN)
    scores = lasting[:, None] / usual[..., None]
    return Growth(sizes, unlike, lasting, scores)


def closed(
    before: Remembered, rows: Floats, growth: Growth, days: int, known: NDArray[np.bool_]
) -> Remembered:
    """Return what is remembered after a full day.

    Args:
        before: The closed days before it.
        rows: All rows of the day.
        growth: What `grown` said of them.
        days: How many days were closed before it.
        known: Shape (N,), False for a series of which the day teaches nothing.
    """
    sizes = np.where(known[:, None, None], growth.sizes, np.nan)
    worst = np.where(known, growth.lasting.max(-1), 0.0)
    mean = np.where(known & (days >= DAYS_MIN), growth.unlike.mean(-1), np.nan)
    return replace(
        before,
        tokens=rows[:, TOKENS],
        sizes=np.concatenate([before.sizes, sizes], axis=-1)[..., rows.shape[-1] :],
        unlike=np.concatenate([before.unlike, growth.unlike[:, None]], axis=1)[:, 1:],
        records=np.concatenate([before.records, worst[:, None, None]], axis=-1)[..., 1:],
        means=np.concatenate([before.means, mean[:, None]], axis=-1)[:, 1:],
    )
