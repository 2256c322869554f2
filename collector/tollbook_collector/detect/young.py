"""A series that is days old: lent the weeks that it would have had as a part of all.

What it had of its own day for day, as a share of the whole tenant, is what it is given of the
tenant's weeks before it began. So its season and its noise are known from its third day on; what is
not its own is believed less, and must be stranger to be told.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.channels import REQUESTS
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.series import Block
from tollbook_collector.detect.watch import DAYS_MIN

# Days of its own that a series needs before it is judged; the newest of them teaches no share.
OWN_DAYS_MIN: Final = 2
# The whole must be known so long before a part began.
WHOLE_DAYS_MIN: Final = 14
# An alarm of a young series opens at so many times the strength.
STRICTER: Final = 1.5


@dataclass(frozen=True)
class Lent:
    """A block in which young series have a history.

    Attributes:
        block: The block.
        own_from: Of each series, the first row that is judged; 0: it is not young.
    """

    block: Block
    own_from: NDArray[np.int64]


def lend(block: Block, whole: Floats, rows_per_day: int) -> Lent:
    """Return a block in which series that are days old have the weeks of their share of all.

    Args:
        block: Series as they were.
        whole: The rows of the tenant as a whole, shape (columns, rows).
        rows_per_day: Of the tier.
    """
    count = block.rows.shape[-1]
    own_from = np.zeros(len(block.entities), dtype=np.int64)
    known = np.flatnonzero(whole[REQUESTS])
    rows, first_rows = block.rows.copy(), list(block.first_rows)
    for series, first in enumerate(block.first_rows):
        days = (count - first) / rows_per_day
        known_days = (first - known[0]) / rows_per_day if len(known) else 0.0
        if not OWN_DAYS_MIN <= days <= DAYS_MIN + 1 or known_days < WHOLE_DAYS_MIN:
            continue
        learned = slice(first, count - rows_per_day)
        of_all = whole[:, learned].sum(-1)
        share = rows[series, :, learned].sum(-1) / np.where(of_all > 0, of_all, np.inf)
        rows[series, :, :first] = whole[:, :first] * share[:, None]
        first_rows[series] = int(known[0])
        own_from[series] = first + rows_per_day
    return Lent(replace(block, rows=rows, first_rows=tuple(first_rows)), own_from)
