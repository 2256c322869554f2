"""Looks: how long spans take from their answer to a row, seen from outside while they are sent."""

import threading
import time
from bisect import bisect_left
from typing import Protocol

from running import Running

LOOK_S = 0.1
QUERYABLE_WITHIN_S = 60.0


class Load(Protocol):
    """What sends."""

    acknowledged: int


class Looks:
    """Notes, a few times a second, what was acknowledged and what can be asked for.

    Every moment counts alike, so that a long wait is as many long delays as there were moments in
    it, and not one.

    Args:
        running: The collector.
        load: What is sent to it, and nobody else sends.
    """

    def __init__(self, running: Running, load: Load) -> None:
        self._running = running
        self._load = load
        self._going = True
        # The canary's few spans count too: less than any request has.
        self._before = self._visible() - load.acknowledged
        self._acknowledged: list[tuple[float, int]] = []
        self._seen: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> list[float]:
        """End, once what was acknowledged is there, and return the delays in seconds, sorted."""
        self._going = False
        self._thread.join()
        counts = [count for _, count in self._seen]
        found = []
        for at, acknowledged in self._acknowledged:
            first = bisect_left(counts, acknowledged)
            seen_at = self._seen[first][0] if first < len(counts) else at + QUERYABLE_WITHIN_S
            found.append(seen_at - at)
        return sorted(found)

    def _run(self) -> None:
        while self._going:
            self._acknowledged.append((time.monotonic(), self._load.acknowledged))
            self._look()
            time.sleep(LOOK_S)
        last, deadline = self._load.acknowledged, time.monotonic() + QUERYABLE_WITHIN_S
        while self._seen[-1][1] < last and time.monotonic() < deadline:
            self._look()
            time.sleep(LOOK_S)

    def _look(self) -> None:
        # Counts only grow, so that a look can be searched for.
        before = self._seen[-1][1] if self._seen else 0
        visible = max(before, self._visible() - self._before)
        self._seen.append((time.monotonic(), visible))

    def _visible(self) -> int:
        # Without a condition the engine knows it from its parts and reads no row.
        return int(self._running.rows("SELECT count() AS n FROM spans")[0]["n"])


def told(delays_s: list[float]) -> str:
    """Return delays as p50, p95, p99 and the longest."""
    shares = [delays_s[int(len(delays_s) * share)] for share in (0.5, 0.95, 0.99)]
    return " / ".join(f"{each:.2f}" for each in [*shares, delays_s[-1]]) + " s"
