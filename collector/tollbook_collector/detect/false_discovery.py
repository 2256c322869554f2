"""Which of many findings of one day hold up together (Benjamini and Hochberg).

With a thousand series a day, some are strange by chance. Of those that are accepted at most the
share ALPHA is, in the mean, chance.
"""

from collections.abc import Sequence
from typing import Final

ALPHA: Final = 0.1
DAYS_OF_A_WEEK: Final = 7


def accepted(strengths: Sequence[float], tests: int, alpha: float = ALPHA) -> list[bool]:
    """Return which findings of a day are accepted.

    Args:
        strengths: Decades of rarity: minus log10 of the alarms in a series-week.
        tests: Series that were judged on that day, those without a finding too.
        alpha: Largest share of chance among the accepted.

    >>> accepted([3.0, 5.5, 2.9], 10)
    [True, True, True]
    >>> accepted([3.0, 5.5, 2.9], 10_000)
    [False, True, False]
    """
    chances = [10.0**-strength / DAYS_OF_A_WEEK for strength in strengths]
    ordered = sorted(chances)
    limit = 0.0
    for rank, chance in enumerate(ordered, start=1):
        if chance <= alpha * rank / max(tests, 1):
            limit = chance
    return [chance <= limit for chance in chances]
