"""What each key may still send: requests and items a second, and bytes a day.

A bucket holds a second's worth and may be overdrawn by one request, so a request larger than a
second's worth passes and the next ones wait for it. Each collector counts its own seconds; bytes of
the day are those of all collectors, as far as they have told each other.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tollbook_collector.intake.keys import Key

# Keys whose rates are remembered; one that is not seen for long starts anew.
KEYS_MAX: Final = 100_000
DAY_S: Final = 86_400
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AllowanceSpent(Exception):
    """A key has sent as much as it may for now; nothing of the request was kept.

    Args:
        message: Which limit, and how much it is.
        retry_after_s: When there is room again.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(f"{message}; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass
class Used:
    """What a key has sent today to this collector.

    Args:
        tenant: Its tenant.
        day: Days since 1970, UTC.
        requests: Requests that were kept.
        items: Items in them.
        bytes: Their bytes, uncompressed.
        last_used_at: When the last one came.
    """

    tenant: str
    day: int
    requests: int = 0
    items: int = 0
    bytes: int = 0
    last_used_at: datetime = _NEVER


@dataclass
class _Buckets:
    requests: float
    items: float
    at: float


class Allowance:
    """Counts what keys send, against their limits.

    Args:
        now: Seconds since 1970; an argument so that a test can turn the clock.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[str, _Buckets] = {}
        self._used: dict[str, Used] = {}
        self._elsewhere: Mapping[str, int] = {}
        self._elsewhere_day = 0
        self._spent = 0

    def take_request(self, key: Key) -> None:
        """Count a request that begins.

        Raises:
            AllowanceSpent: The key has no request, no item or no byte left for now.
        """
        limits = key.limits
        if not (limits.requests_per_s or limits.items_per_s or limits.bytes_per_day):
            return
        now = self._now()
        with self._lock:
            try:
                self._refuse_bytes(key, now)
                buckets = self._filled(key, now)
                _refuse(limits.requests_per_s, buckets.requests, 1.0, "requests")
                _refuse(limits.items_per_s, buckets.items, 0.0, "items")
            except AllowanceSpent:
                self._spent += 1
                raise
            buckets.requests -= 1

    def take(self, key: Key, items: int, size_bytes: int) -> None:
        """Count what a request had in it, once it is kept."""
        now = self._now()
        day = int(now // DAY_S)
        with self._lock:
            if key.limits.items_per_s:
                self._filled(key, now).items -= items
            used = self._used.get(key.id)
            if used is None or used.day != day:
                used = self._used[key.id] = Used(key.tenant, day)
            used.requests += 1
            used.items += items
            used.bytes += size_bytes
            used.last_used_at = datetime.fromtimestamp(now, UTC)

    def used(self) -> dict[str, Used]:
        """Return what each key sent to this collector on the last day that it sent anything."""
        with self._lock:
            return {key_id: Used(**vars(used)) for key_id, used in self._used.items()}

    def put_elsewhere(self, day: int, bytes_by_key: Mapping[str, int]) -> None:
        """Let these be the bytes that keys sent to other collectors, and to this one before."""
        with self._lock:
            self._elsewhere_day = day
            self._elsewhere = dict(bytes_by_key)

    @property
    def spent(self) -> int:
        """Requests that were refused since the start."""
        return self._spent

    def _refuse_bytes(self, key: Key, now: float) -> None:
        limit = key.limits.bytes_per_day
        if not limit:
            return
        day = int(now // DAY_S)
        used = self._used.get(key.id)
        total = used.bytes if used and used.day == day else 0
        if self._elsewhere_day == day:
            total += self._elsewhere.get(key.id, 0)
        if total >= limit:
            midnight = datetime.fromtimestamp((day + 1) * DAY_S, UTC)
            left = midnight - datetime.fromtimestamp(now, UTC)
            raise AllowanceSpent(
                f"the key {key.id} has sent {total} B today, the limit is {limit}",
                max(1, math.ceil(left / timedelta(seconds=1))),
            )

    def _filled(self, key: Key, now: float) -> _Buckets:
        limits = key.limits
        buckets = self._buckets.get(key.id)
        if buckets is None:
            if len(self._buckets) >= KEYS_MAX:
                self._buckets.clear()
            full = _Buckets(float(limits.requests_per_s), float(limits.items_per_s), now)
            buckets = self._buckets[key.id] = full
        passed_s = max(0.0, now - buckets.at)
        requests = buckets.requests + passed_s * limits.requests_per_s
        items = buckets.items + passed_s * limits.items_per_s
        buckets.requests = min(float(limits.requests_per_s), requests)
        buckets.items = min(float(limits.items_per_s), items)
        buckets.at = now
        return buckets


def _refuse(limit: int, left: float, needed: float, what: str) -> None:
    # Of items the number is not known before: any positive rest is enough.
    if limit and (left < needed or left <= 0):
        wait_s = max(1, math.ceil((needed - left) / limit))
        raise AllowanceSpent(f"the limit of the key is {limit} {what} a second", wait_s)
