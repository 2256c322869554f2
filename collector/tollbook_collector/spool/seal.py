"""When the segment that is being written is sealed: large enough, or old enough and wanted.

A segment is one insert, and planning an insert costs the store as much as some 10,000 spans. So
while nobody is free to load it, a segment grows on: a store that is behind catches up by larger
inserts. And the slower inserts are, the longer a segment waits, as far as spans are still soon
seen: a trickle of spans does not keep a core busy with planning.
"""

import time
from collections.abc import Callable
from typing import Final

from tollbook_collector.spool.segment import Scan

# At FULL_BYTES planning is a seventh of an insert (measured: 200 ms beside 1.4 s), and the engine
# uses some 0.7 GB for it: who is free takes it. While nobody is, it grows on to SEGMENT_BYTES_MAX.
# What is made of a span takes memory too, however short it came.
FULL_BYTES: Final = 96 * 1024 * 1024
SEGMENT_BYTES_MAX: Final = 192 * 1024 * 1024
SPAN_BYTES_MIN: Final = 640
# How long the first request of a segment waits before it is sealed, so that spans are soon seen;
# and so many times as long while nobody is free to load it.
SEGMENT_AGE_MAX_S: Final = 0.5
BEHIND: Final = 60
# The last loader that is free, while others load, waits so long for one of them to be done.
LAST_WAITS_S: Final = 0.25
# A segment waits so many times as long as an insert takes: of a trickle, a third of a core at most.
PACE: Final = 3.0
# But only so that its wait and its insert stay within this, and spans are queryable within 1.5 s.
SEEN_WITHIN_S: Final = 1.2


class Seal:
    """Says when a segment is due.

    Args:
        bytes_max: Bytes at which it is, each span counted as SPAN_BYTES_MIN at least; FULL_BYTES
            where a loader waits for it.
        age_max_s: Seconds after which it is, when a loader waits for it and inserts are quick; when
            none waits BEHIND times that more.
        inserting: Says how many segments are being loaded.
    """

    def __init__(
        self, bytes_max: int, age_max_s: float, inserting: Callable[[], int] = lambda: 0
    ) -> None:
        self._inserting = inserting
        self._bytes_max = bytes_max
        self._age_max_s = age_max_s
        self._age_s = age_max_s
        self._wanted_at = 0.0
        self.loaders_waiting = 0

    @property
    def age_s(self) -> float:
        """Seconds after which a segment is due, when a loader waits for it."""
        return self._age_s

    def pace(self, insert_s: float) -> None:
        """Note how long the last insert took."""
        wait_s = min(PACE * insert_s, SEEN_WITHIN_S - insert_s)
        self._age_s = max(self._age_max_s, wait_s)

    def begin(self) -> None:
        """Note that a segment was begun now."""
        self._wanted_at = time.monotonic() + self._age_s

    def is_due(self, content: Scan) -> bool:
        """Return whether a segment with this content is to be sealed now."""
        if not content.requests:
            return False
        full_bytes = min(FULL_BYTES, self._bytes_max) if self.loaders_waiting else self._bytes_max
        if max(content.intact_bytes, SPAN_BYTES_MIN * content.spans) >= full_bytes:
            return True
        return time.monotonic() >= self._wanted_at + self._patience_s()

    def due_in_s(self, content: Scan) -> float | None:
        """Return after how long to ask again, if nothing else happens; None: never."""
        if not content.requests:
            return None
        wanted_in_s = self._wanted_at - time.monotonic()
        if wanted_in_s > 0:
            return wanted_in_s
        return max(0.0, wanted_in_s + self._patience_s())

    def _patience_s(self) -> float:
        """Return how long a segment waits that is old enough."""
        if not self.loaders_waiting:
            return (BEHIND - 1) * self._age_max_s
        # Planning one more insert takes what those under way would use, and makes them slower.
        is_last = self.loaders_waiting == 1 and self._inserting() > 0
        return LAST_WAITS_S if is_last else 0.0
