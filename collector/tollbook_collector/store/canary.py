"""The canary: a span of our own through the real door, read back from the store, again and again.

It goes the way of every span: gate, examination, spool, insert, decoding. Its tenant is its own,
which no key can have, so its rows are in nobody's answers and nobody's spend. What it finds is what
a sender would find: spans refused, late, missing or doubled.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from tollbook_collector.intake.keyring import CANARY_TENANT
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.store import sql
from tollbook_collector.store.canary_post import Post

NAME: Final = "tollbook.canary"
# Spans that were sent and not seen yet; older ones are forgotten, and counted as missing.
UNSEEN_MAX: Final = 1_000
# A span is late when it is not there after so long, and missing after so long. A store that is away
# makes it late and not missing: what waits in the spool is looked for until it is loaded.
LATE_S: Final = 10.0
MISSING_S: Final = 120.0
# A span that was seen is looked at once more after so long, for a second copy.
AGAIN_S: Final = 60.0


class CanaryStore(Protocol):
    """What the canary needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


@dataclass
class CanaryCounts:
    """What became of the canary's spans.

    Args:
        sent: Acknowledged by the door.
        refused: Not taken by it.
        seen: Found in the store.
        late: Not there within LATE_S, and found or missing later.
        missing: Not there within MISSING_S, although nothing waited for the store.
        doubled: There more than once.
    """

    sent: int = 0
    refused: int = 0
    seen: int = 0
    late: int = 0
    missing: int = 0
    doubled: int = 0


@dataclass
class _Sent:
    at: float
    seen: bool = False
    late: bool = False


class Canary:
    """Sends spans and looks for them.

    Args:
        store: Gives the store; may raise StoreUnavailable.
        token: The key that it sends with.
        waiting: Whether anything waits for the store.
        now: A clock that never goes back, in seconds; an argument so that a test can turn it.
    """

    def __init__(
        self,
        store: Callable[[], CanaryStore],
        token: str,
        waiting: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._token = token
        self._waiting = waiting
        self._now = now
        self._sent: dict[str, _Sent] = {}
        self._counts = CanaryCounts()
        self._post: Post | None = None
        self._last_missing_at = 0.0

    def attach(self, post: Post) -> None:
        """Let it send, now that the collector listens."""
        self._post = post

    def sing(self) -> None:
        """Send one span, and look for those that were sent before.

        Raises:
            StoreUnavailable, StoreRefused: It could not look; it looks again the next time.
        """
        if self._post is None:
            return
        span_id = os.urandom(8)
        status = self._post(_request(span_id), self._token)
        if status == 200:
            self._counts.sent += 1
            self._sent[span_id.hex()] = _Sent(self._now())
        else:
            self._counts.refused += 1
        self._look()

    def counts(self) -> dict[str, int]:
        """Return what became of the spans since the start."""
        return asdict(self._counts)

    def faults(self) -> list[str]:
        """Return a sentence if a span was lost within the last hour, or one is there twice."""
        faults = []
        if self._last_missing_at and self._now() - self._last_missing_at < 3_600:
            faults.append(f"{self._counts.missing} of the canary's spans are missing")
        if self._counts.doubled:
            faults.append(f"{self._counts.doubled} of the canary's spans are stored twice")
        return faults

    def _look(self) -> None:
        if not self._sent:
            return
        since = datetime.now(UTC) - timedelta(days=2)
        parameters = {"tenant": CANARY_TENANT, "since": since, "ids": list(self._sent)}
        rows = self._store().rows(sql.read("queries/canary_seen"), parameters)
        copies = {str(span_id): int(number) for span_id, number in rows}
        now = self._now()
        waiting = self._waiting()
        for span_id, sent in list(self._sent.items()):
            self._judge(span_id, sent, copies.get(span_id, 0), now - sent.at, waiting)
        while len(self._sent) > UNSEEN_MAX:
            span_id = next(iter(self._sent))
            if not self._sent.pop(span_id).seen:
                self._lose(now)

    def _judge(self, span_id: str, sent: _Sent, copies: int, age_s: float, waiting: bool) -> None:
        if copies and not sent.seen:
            sent.seen = True
            self._counts.seen += 1
        if not sent.seen and not sent.late and age_s > LATE_S:
            sent.late = True
            self._counts.late += 1
        if copies > 1:
            self._counts.doubled += 1
            del self._sent[span_id]
        elif sent.seen and age_s > AGAIN_S:
            del self._sent[span_id]
        elif not sent.seen and age_s > MISSING_S and not waiting:
            self._lose(self._now())
            del self._sent[span_id]

    def _lose(self, now: float) -> None:
        self._counts.missing += 1
        self._last_missing_at = now


def _request(span_id: bytes) -> bytes:
    message = TRACES.request()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = NAME
    now_ns = time.time_ns()
    resource_spans.scope_spans.add().spans.add(
        trace_id=os.urandom(16),
        span_id=span_id,
        name=NAME,
        start_time_unix_nano=now_ns,
        end_time_unix_nano=now_ns,
    )
    return bytes(message.SerializeToString())
