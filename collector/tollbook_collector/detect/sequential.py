"""A bet against "nothing has changed", day after day: drift too slow for any one day to show.

If nothing changes, a day's rank among the days before it is any with the same probability, and a
fair bet on low ranks gains no more in the mean than it stakes. So the stake grows to 1/alpha with a
probability of at most alpha, however often it is looked at (Ville's inequality).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

# Alarms of a series and metric in a quarter without change, at most.
ALPHA: Final = 1e-3
# The bets: each stakes on ranks below a different share.
POWERS: Final = np.linspace(0.05, 0.95, 19)


def ranks(scores: Sequence[float], known: int) -> list[float]:
    """Return how probable each score from `known` on is, by its rank among those before it.

    Ties count half: no chance is drawn, so that the same days give the same bet.

    >>> ranks([1.0, 2.0, 3.0, 9.0, 0.0], 3)
    [0.125, 0.9]
    """
    found = []
    for at in range(known, len(scores)):
        above = sum(before > scores[at] for before in scores[:at])
        equal = sum(before == scores[at] for before in scores[:at])
        found.append((above + 0.5 * (equal + 1)) / (at + 1))
    return found


def wealth(probabilities: Sequence[float]) -> float:
    """Return the largest stake that betting on low ranks ever reached, from 1.

    >>> wealth([0.5] * 50) < 2
    True
    >>> wealth([0.01] * 5) > 1 / ALPHA
    True
    """
    stakes = np.ones(len(POWERS))
    largest = 1.0
    for probability in probabilities:
        stakes = stakes * POWERS * max(probability, 1e-6) ** (POWERS - 1.0)
        largest = max(largest, float(stakes.mean()))
    return largest
