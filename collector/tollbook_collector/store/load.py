"""Step 7, load: a sealed segment becomes one insert, and is deleted once the insert is durable.

The insert's deduplication token is a digest of the segment's content, so an insert whose answer
was lost is repeated without doubling anything, in the tables and in the roll-ups behind them. A
store that is away is tried again for ever, oldest segment first; meanwhile the spool grows to its
limit and then refuses. What the engine cannot read is set aside alone, see bisect.py.

Parts of a segment have tokens of their own, so before it is parted for the first time nothing of
it may be stored: an insert that fails in a roll-up leaves the spans that it wrote. Such a segment
is only ever repeated as a whole. That one is parted is written on its name, and so for ever.
"""

import contextlib
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from opentelemetry import trace

from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.files import LARGE, Segment
from tollbook_collector.spool.quarantine import QUARANTINED
from tollbook_collector.spool.segment import Envelope, envelopes, header_of, record, token
from tollbook_collector.store import sql
from tollbook_collector.store.bisect import insert_what_can_be
from tollbook_collector.store.client import (
    DATA_ERROR_CODES,
    MEMORY_LIMIT_EXCEEDED,
    StoreRefused,
    StoreUnavailable,
)

# An insert uses one core and holds 0.7 GB. A third one on two cores takes up what the others leave
# while they wait for the disk, and costs more than that in memory touched for the first time
# (measured, a million spans: 69,000 a second with two, 58,000 to 63,000 with three).
INSERTERS: Final = max(2, min(3, os.cpu_count() or 1))
CLAIM_WAIT_S: Final = 1.0
# Who wants inserts to rest waits so long for those under way.
HOLD_S: Final = 60.0
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 5.0
# A segment refused so often, while the store may take others, goes behind those that wait.
REFUSALS_MAX: Final = 5
# A segment that the store had no memory for so often is inserted in pieces of this size, and one
# with requests that the engine cannot read.
MEMORY_REFUSALS_MAX: Final = 3
LARGE_PIECE_BYTES: Final = 1024 * 1024
# Requests of a segment that are looked for: what an insert leaves begins with the first.
LOOKED_FOR_MAX: Final = 1_000

# What this process has written so lately is in memory still, where the store reads it; what waited
# longer, or was there at the start, is read first, for bytes that changed on the disk. Reading,
# checking and naming a segment took a tenth of the collector's time.
IN_MEMORY_S: Final = 60.0

log = logging.getLogger(__name__)
# Nothing without an SDK, see duties.py.
TRACER = trace.get_tracer("tollbook_collector")


class SegmentStore(Protocol):
    """Where segments are inserted."""

    def insert_segment(
        self, content: bytes | None, token: str, signal: str, path: Path | None = None
    ) -> None:
        """Insert length-delimited Envelopes; the same token and content are stored once.

        The file at `path` has the same content; None: what it has is the content.
        """

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


@dataclass(frozen=True)
class LoadCounts:
    """What the loader has done since it started.

    Args:
        segments: Segments that are durable in the store.
        spans: Spans in them.
        retries: Inserts that failed and were or will be tried again.
        refused_requests: Requests set aside because the engine could not read them.
        refused_spans: Spans in them.
        insert_s: Time that the inserts of segments took, together.
        faults: Times that the loader itself failed and went on.
        last_error: What the store said when it last failed; empty: nothing since it last worked.
    """

    segments: int = 0
    spans: int = 0
    retries: int = 0
    refused_requests: int = 0
    refused_spans: int = 0
    insert_s: float = 0.0
    faults: int = 0
    last_error: str = ""


class Loader:
    """Moves segments from a spool to a store, in threads of its own.

    Args:
        spool: Where the segments are.
        store: Where they go.
        inserters: How many are inserted at a time.
        signal: What the segments hold: traces, logs or metrics.
    """

    def __init__(
        self,
        spool: Spool,
        store: SegmentStore,
        inserters: int = INSERTERS,
        signal: str = "traces",
    ) -> None:
        self._spool = spool
        self._signal = signal
        self._store = store
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # One for each insert that may be under way.
        self._inserters = inserters
        self._inserting = threading.Semaphore(inserters)
        self._counts = LoadCounts()
        self._memory_refusals: Counter[Path] = Counter()
        self._threads = [
            threading.Thread(target=self._run, name=f"tollbook-load-{number}", daemon=True)
            for number in range(inserters)
        ]

    def start(self) -> None:
        """Start loading."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop after the inserts under way; what was not loaded waits in the spool.

        Args:
            seconds: How long is waited for them; None: to their end.

        Returns:
            Whether they have ended. One that has not is made again, once, at the next start.
        """
        self._stopping.set()
        deadline = time.monotonic() + seconds if seconds is not None else None
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()) if deadline is not None else None)
        return not any(thread.is_alive() for thread in self._threads)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no insert be under way while a block runs.

        Raises:
            StoreUnavailable: One goes on for longer than HOLD_S.
        """
        have = 0
        try:
            while have < self._inserters:
                if not self._inserting.acquire(timeout=HOLD_S):
                    raise StoreUnavailable("an insert goes on and on; try again")
                have += 1
            yield
        finally:
            if have:
                self._inserting.release(have)

    def counts(self) -> LoadCounts:
        """Return what was done since the start."""
        with self._lock:
            return self._counts

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        refusals = 0
        while not self._stopping.is_set():
            segment = self._next()
            if segment is None:
                continue
            try:
                if self._memory_refusals[segment.path] >= MEMORY_REFUSALS_MAX:
                    segment = self._parted(segment)
                with self._inserting, TRACER.start_as_current_span("load segment") as span:
                    span.set_attribute("tollbook.signal", self._signal)
                    span.set_attribute("tollbook.items", segment.spans)
                    parted = self._load_or_part(segment)
                    if parted is not None:
                        segment = parted
                        self._load(segment)
            except (StoreUnavailable, StoreRefused, OSError) as failure:
                self._count_retry(failure)
                refusals = refusals + 1 if isinstance(failure, StoreRefused) else 0
                if refusals and refusals % REFUSALS_MAX == 0:
                    self._spool.postpone(segment)
                else:
                    self._spool.release(segment)
                # Jitter keeps the inserters of many collectors from coming back together.
                self._stopping.wait(wait_s * random.uniform(0.5, 1.0))
                wait_s = min(2 * wait_s, RETRY_MAX_S)
            except Exception:
                self._count_fault()
                log.exception("the loader failed on %s and goes on", segment.path.name)
                self._spool.release(segment)
                self._stopping.wait(RETRY_MAX_S)
            else:
                wait_s = RETRY_FIRST_S
                refusals = 0

    def _next(self) -> Segment | None:
        try:
            self._spool.adopt_retries()
            self._spool.give_up_old()
        except OSError as failure:
            self._count_retry(failure)
        return self._spool.claim(CLAIM_WAIT_S)

    def _load_or_part(self, segment: Segment) -> Segment | None:
        """Load a segment, and return None; or it, where the engine cannot read all: for pieces."""
        try:
            self._load(segment)
        except StoreRefused as refusal:
            parted = self._parted(segment) if refusal.code in DATA_ERROR_CODES else segment
            if parted is segment:
                raise
            return parted
        return None

    def _load(self, segment: Segment) -> None:
        content = None if _is_as_written(segment) else self._spool.read(segment)
        refused: list[Envelope] = []
        started = time.monotonic()
        try:
            if content is not None and segment.path.suffix == LARGE:
                refused = self._load_in_pieces(content)
            else:
                named = token(content) if content is not None else segment.token
                self._store.insert_segment(content, named, self._signal, segment.path)
        except StoreUnavailable as failure:
            # A few times as a whole: another query may have had the memory.
            self._memory_refusals[segment.path] += failure.code == MEMORY_LIMIT_EXCEEDED
            raise
        insert_s = time.monotonic() - started
        self._spool.pace(insert_s)
        self._spool.remove(segment)
        self._memory_refusals.pop(segment.path, None)
        refused_spans = sum(envelope.spans for envelope in refused)
        with self._lock:
            self._counts = replace(
                self._counts,
                segments=self._counts.segments + 1,
                spans=self._counts.spans + segment.spans - refused_spans,
                refused_requests=self._counts.refused_requests
                + len({envelope.sequence for envelope in refused}),
                refused_spans=self._counts.refused_spans + refused_spans,
                insert_s=self._counts.insert_s + insert_s,
                last_error="",
            )

    def _parted(self, segment: Segment) -> Segment:
        """Return a segment marked as one for pieces, or unchanged where some of it is stored."""
        if segment.path.suffix == LARGE:
            return segment
        looked_for = [each for each in envelopes(self._spool.read(segment)) if each.spans]
        del looked_for[LOOKED_FOR_MAX:]
        given = {
            "tenants": sorted({envelope.tenant for envelope in looked_for}),
            "arrivals": [envelope.received_at for envelope in looked_for],
        }
        ((stored,),) = self._store.rows(sql.read("queries/rows_of_requests"), given)
        return segment if stored else self._spool.mark_large(segment)

    def _load_in_pieces(self, content: bytes) -> list[Envelope]:
        """Insert requests in pieces, always the same ones, each with a token of its own.

        Returns:
            What the engine cannot read, set aside.
        """
        refused: list[Envelope] = []
        piece: list[Envelope] = []
        size = 0
        for envelope in envelopes(content):
            piece.append(envelope)
            size += len(record(envelope))
            if size > LARGE_PIECE_BYTES:
                self._load_what_can_be(header_of(content), piece, refused)
                piece, size = [], 0
        if piece:
            self._load_what_can_be(header_of(content), piece, refused)
        return refused

    def _load_what_can_be(
        self, header: bytes, piece: list[Envelope], refused: list[Envelope]
    ) -> None:
        """Insert what the engine can read, and add what it cannot to `refused`, set aside."""

        def insert(together: list[Envelope]) -> None:
            part = header + b"".join(map(record, together))
            self._store.insert_segment(part, token(part), self._signal)

        def set_aside(envelope: Envelope, reason: str) -> None:
            # What the door rejected stays in the account below, and not with what is kept.
            bare = replace(envelope, rejected=())
            path = self._spool.set_aside(bare, len(refused), reason)
            account = (*envelope.rejected, (QUARANTINED, envelope.spans))
            insert([replace(envelope, request=b"", spans=0, rejected=account)])
            log.warning("%d spans were set aside as %s: %s", envelope.spans, path.name, reason)
            refused.append(bare)

        insert_what_can_be(self._signal, piece, insert, set_aside)

    def _count_retry(self, failure: Exception) -> None:
        with self._lock:
            first = not self._counts.last_error
            self._counts = replace(
                self._counts, retries=self._counts.retries + 1, last_error=str(failure)
            )
        if first:
            log.warning("the store does not take spans, which wait in the spool: %s", failure)

    def _count_fault(self) -> None:
        with self._lock:
            self._counts = replace(self._counts, faults=self._counts.faults + 1)


def _is_as_written(segment: Segment) -> bool:
    """Whether a segment need not be read before its insert, for bytes that changed on the disk."""
    waited_ns = time.time_ns() - segment.received_first
    whole = segment.token and segment.path.suffix != LARGE
    return bool(whole) and 0 <= waited_ns < IN_MEMORY_S * 1e9
