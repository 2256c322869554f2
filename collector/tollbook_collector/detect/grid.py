"""The grid of a tier: how many rows a day has and over which stretches a series is judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Days that a series is remembered: four of each weekday.
MEMORY_DAYS = 28
# Daily rows are one a day, so eight weeks are remembered.
MEMORY_DAYS_DAILY = 56


@dataclass(frozen=True)
class Grid:
    """The rows of one tier.

    Attributes:
        rows_per_day: 1, 24 or 144 in this product; any other number works alike.
        windows: Lengths of the stretches that are judged, in rows, rising.
        volume_windows: How many of them, from the shortest, a volume is judged over.
        ratio_window_first: The first of them that a ratio is judged over.
        recurring_windows: The two of them over which a recurrence is judged.
        memory_days: Days that are remembered.
        burst_windows: The stretch over which absolute channels are held against the days before,
            and the one of recurrences; empty: both by their size, as rows are long enough for a
            season.
    """

    rows_per_day: int
    windows: tuple[int, ...]
    volume_windows: int
    ratio_window_first: int
    recurring_windows: tuple[int, int]
    memory_days: int = MEMORY_DAYS
    burst_windows: tuple[int, ...] = ()

    @property
    def tail_rows(self) -> int:
        """Rows before a day that its longest stretch reaches back to."""
        return self.windows[-1]

    @property
    def record_delay_days(self) -> tuple[int, ...]:
        """Days until a stretch enters the record, so that none is compared with itself.

        >>> grid_of(24).record_delay_days
        (1, 1, 1, 2, 4)
        """
        return tuple(1 + window // self.rows_per_day for window in self.windows)


def grid_of(rows_per_day: int) -> Grid:
    """Return the grid for a number of rows a day.

    >>> grid_of(24).windows
    (1, 3, 6, 24, 72)
    >>> grid_of(144).windows
    (1, 3, 6, 18, 72)
    >>> grid_of(1).windows
    (1, 3, 7)
    """
    if rows_per_day < 1:
        raise ValueError(f"a day has {rows_per_day} rows; it needs at least 1")
    if rows_per_day == 1:
        return Grid(1, (1, 3, 7), 2, 0, (1, 2), MEMORY_DAYS_DAILY)
    hour = max(1, rows_per_day // 24)
    if rows_per_day <= 24:
        return Grid(rows_per_day, (1, 3, 6, 24, 72), 4, 0, (1, 2))
    windows = (1, max(1, hour // 2), hour, 3 * hour, 12 * hour)
    return Grid(rows_per_day, windows, 4, 1, (2, 3), burst_windows=(2 * hour, 3 * hour))
