"""One score of many channels: the strongest speaks, the next two may corroborate it.

What a ratio says again and again all day counts for more than what it says once: a prompt that grew
by a third is never far outside the record of one hour, and never back inside it either.
"""

import numpy as np

from tollbook_collector.detect.calibrate import Tail, evidence
from tollbook_collector.detect.channels import RATIOS, SCORED
from tollbook_collector.detect.grid import Floats, Grid

WEIGHTS = (1.0, 0.3, 0.1)
# What the mean of a ratio's evidence over the last day adds to that of a row.
DAY_WEIGHT = 0.5
# Of a ratio in rows of minutes so much counts: what is wrong with one is far out at once, and what
# is not is left to the hours, which know four weeks. What is left of the false alarms goes to the
# volumes, where a fault is hard to tell from a burst.
MINUTE_WEIGHT = 0.55
# By the hour so much counts of what is said of the tokens of a call: one odd day has many reasons,
# and growth that stays has a channel of its own. The cost of a call is moved by both kinds of
# tokens, and is more often a day of longer answers than a fault.
TOKEN_WEIGHTS = {"spend_per_request": 0.5, "input_per_request": 0.7, "input_per_output": 0.7}


def strengths(scores: Floats, grid: Grid, tails: tuple[Tail, ...]) -> tuple[Floats, Floats]:
    """Return the evidence of each channel, as `scores`, and the strength of all, shape (N, rows).

    Args:
        scores: Shape (N, SCORED, rows).
        grid: The tier.
        tails: One for each channel.
    """
    decades = evidence(scores, tails)
    if grid.burst_windows:
        decades[:, RATIOS] *= MINUTE_WEIGHT
    elif grid.rows_per_day > 1:
        for ratio in RATIOS:
            decades[:, ratio] += DAY_WEIGHT * last_means(decades[:, ratio], grid.rows_per_day)
        for name, weight in TOKEN_WEIGHTS.items():
            decades[:, SCORED.index(name)] *= weight
    return decades, combined(decades)


def combined(evidence: Floats) -> Floats:
    """Return the weighted sum of the three strongest channels, shape (N, rows).

    Args:
        evidence: Decades of rarity, shape (N, channels, rows).

    >>> combined(np.array([[[3.0], [1.0], [2.0], [0.0]]])).round(2).tolist()
    [[3.7]]
    """
    strongest = -np.sort(-evidence, axis=1)[:, : len(WEIGHTS)]
    return np.asarray(np.einsum("nkr,k->nr", strongest, np.array(WEIGHTS[: strongest.shape[1]])))


def last_means(values: Floats, rows: int) -> Floats:
    """Return the mean of the last `rows` rows up to each; what was before the first counts as 0.

    >>> last_means(np.array([[2.0, 4.0, 6.0]]), 2).tolist()
    [[1.0, 3.0, 5.0]]
    """
    running = np.cumsum(values, axis=-1)
    before = np.zeros_like(running)
    before[..., rows:] = running[..., :-rows]
    return np.asarray((running - before) / rows)
