"""Of findings that began together, the one that the others are parts or sums of.

A loop in one feature shows in its team, its model, its key and the whole tenant. Told is the
smallest series that holds most of the dollars; the others are kept as explained by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# A series with so much of the largest excess holds the cause.
HELD_SHARE_MIN: Final = 0.8
# What is seen after days is one finding where its parts are seen so far apart.
SLOW_APART: Final = timedelta(days=3)


@dataclass(frozen=True)
class Related:
    """A finding among others.

    Attributes:
        id: Of the anomaly.
        started_at: UTC.
        size: What the series spends in all, in dollars; a smaller one says more.
        excess: Dollars beyond what was expected.
        known_root: What was said before: the id of its root, empty if it is one; None: it is new.
        is_slow: It is seen after days, of a part sooner than of its whole.
    """

    id: str
    started_at: datetime
    size: float
    excess: float
    known_root: str | None = None
    is_slow: bool = False


def explained_by(findings: Sequence[Related], apart_max: timedelta) -> dict[str, str]:
    """Return the root of each finding that has one; what was said before is said again.

    Of series of one size the first is the root.

    >>> at = datetime(2026, 11, 20)
    >>> whole, team = Related("whole", at, 900.0, 50.0), Related("team", at, 90.0, 49.0)
    >>> explained_by([whole, team, Related("other", at, 5.0, 2.0)], timedelta(hours=1))
    {'whole': 'team', 'other': 'team'}
    """
    roots = {one.id: one.known_root for one in findings if one.known_root}
    groups: list[list[Related]] = []
    for one in sorted(findings, key=lambda found: found.started_at):
        for group in groups:
            apart = max(apart_max, SLOW_APART) if one.is_slow and group[0].is_slow else apart_max
            if one.started_at - group[0].started_at <= apart and _same_way(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
    for group in groups:
        said = [one for one in group if one.known_root == ""]
        largest = max(abs(one.excess) for one in group)
        holding = [one for one in group if abs(one.excess) >= HELD_SHARE_MIN * largest]
        root = said[0] if said else min(holding, key=lambda one: round(one.size, 6))
        for one in group:
            if one.known_root is None and one.id != root.id:
                roots[one.id] = root.id
    return roots


def _same_way(one: Related, other: Related) -> bool:
    return (one.excess >= 0) == (other.excess >= 0)
