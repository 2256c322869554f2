"""How rare a score is: decades of false alarms a series-week, learned from a pool of series.

Each channel has its own tail; without it a channel with a heavy one speaks for all. Two points of
the pooled tail say where it begins and how fast it falls, and between and beyond them the rate is
log-linear in log(score + OFFSET).
"""

from dataclasses import dataclass

import numpy as np

from tollbook_collector.detect.grid import Floats

# Scores below this are all the same: nothing that a record would notice.
OFFSET = 0.3
# The two rates at which a tail is measured, in alarms a series-week.
RATE_COMMON, RATE_RARE = 0.05, 0.005
# A tail is at least this far out and at least this long, so that a channel which never spoke in the
# pool does not shout at its first word.
SCORE_MIN = 0.1
TAIL_MIN = 0.15


@dataclass(frozen=True)
class Tail:
    """Where the scores of a channel become rare.

    Attributes:
        common: Score that is passed `RATE_COMMON` times a series-week.
        rare: Score that is passed `RATE_RARE` times a series-week.
    """

    common: float
    rare: float


def evidence(scores: Floats, tails: tuple[Tail, ...]) -> Floats:
    """Return minus log10 of the alarms a series-week that each channel alone would raise.

    Args:
        scores: Shape (N, channels, rows).
        tails: One for each channel.

    >>> scores = np.array([[[0.0, 1.0, 2.0]]])
    >>> evidence(scores, (Tail(1.0, 2.0),)).round(1).tolist()
    [[[0.0, 1.3, 2.3]]]
    """
    common = np.array([max(tail.common, SCORE_MIN) for tail in tails])
    rare = np.maximum([tail.rare for tail in tails], common + TAIL_MIN)
    decades = np.log10(RATE_COMMON / RATE_RARE) / np.log((rare + OFFSET) / (common + OFFSET))
    beyond = np.log((np.maximum(scores, 0.0) + OFFSET) / (common + OFFSET)[:, None])
    return np.asarray(np.maximum(0.0, beyond * decades[:, None] - np.log10(RATE_COMMON)))


def alarm_runs(above: np.ndarray, gap_rows: int) -> int:
    """Return how many alarms a table of rows above a threshold holds; near ones are one alarm.

    >>> alarm_runs(np.array([[True, False, True, False, False, False, True]]), 2)
    2
    """
    runs = 0
    for row in above:
        at = np.flatnonzero(row)
        runs += int(len(at) > 0) + int((np.diff(at) > gap_rows).sum())
    return runs


def score_at_rate(scores: Floats, rate: float, weeks: float, gap_rows: int) -> float:
    """Return the smallest score that is passed at most `rate` times a series-week.

    Args:
        scores: Pool of one channel, shape (series, rows).
        rate: Alarms a series-week.
        weeks: Series-weeks that the pool covers.
        gap_rows: Alarms nearer than this are one.
    """
    low, high = 0.0, float(scores.max()) + 1e-9
    for _ in range(40):
        middle = (low + high) / 2
        if alarm_runs(scores >= middle, gap_rows) > rate * weeks:
            low = middle
        else:
            high = middle
    return high


def tail_of(scores: Floats, weeks: float, gap_rows: int) -> Tail:
    """Return the tail of one channel from a pool of series; arguments as for `score_at_rate`."""
    return Tail(
        score_at_rate(scores, RATE_COMMON, weeks, gap_rows),
        score_at_rate(scores, RATE_RARE, weeks, gap_rows),
    )
