"""The queue and the thread that turn finished calls into spans and deliver them.

Callers only append to a queue. The thread starts with the first call, encodes what is queued
about once a second, and sends it in batches. A batch that could not be delivered is sent again,
byte for byte, until the collector takes or refuses it; what arrives meanwhile waits encoded, and
beyond the limit the oldest is dropped and counted.
"""

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from tollbook.settings import Settings
from tollbook.tally import (
    BACKLOG_FULL,
    FAULT,
    QUEUE_FULL,
    REJECTED,
    SPAN_REASONS,
    Losses,
    Tally,
)

if TYPE_CHECKING:
    from tollbook.served import Served
    from tollbook.span_file import SpanFile

QUEUE_CALLS_MAX: Final = 8192  # finished calls that wait to be encoded
QUEUE_BODY_BYTES_MAX: Final = 16 * 2**20  # of their raw bodies, about
WAKE_CALLS: Final = 512  # so many do not wait for the interval
WAKE_BODY_BYTES: Final = 2**20
EXPORT_INTERVAL_S: Final = 1.0  # between the first call of a batch and its encoding, at most
QUIET_INTERVALS: Final = 30  # without a call, after which the thread sleeps until there is one
FLUSH_RETRY_S: Final = 0.1  # between attempts while somebody waits for a flush
FLUSH_WAIT_S: Final = 0.2  # after which a flush looks again by itself


class Ended(Protocol):
    """What is put on the queue: an `Observation` of a call, or a `Finished` span."""

    @property
    def body_bytes(self) -> int:
        """Bytes of a raw body that it holds."""

    def drop_body(self) -> None:
        """Forget the raw body."""


class Open(Protocol):
    """A stream that the program still reads: an `Observation` of it."""

    def finish(self) -> None:
        """Record what was seen of it."""


Counts = Callable[[], tuple[int, int, Mapping[str, int]]]


class Outlet(Protocol):
    """Where spans go. Used by one thread at a time; its counts may be read by any.

    Attributes:
        delivered: Spans that arrived.
        rejected: Spans that were refused for good.
        backlog_full: Spans that were dropped because nobody took them for too long.
        failures: Attempts that failed, in all.
    """

    delivered: int
    rejected: int
    backlog_full: int
    failures: int

    def add(self, ended: Ended, settings: Settings) -> None:
        """Take a finished call; what cannot be read is counted and dropped."""

    def waiting(self) -> int:
        """Return the number of spans that wait."""

    def send(self, settings: Settings, deadline: float | None, *, impatient: bool) -> None:
        """Send what waits, until a failure or the deadline in monotonic seconds."""

    def report(self, settings: Settings, timeout_s: float) -> None:
        """Send the counts of losses that were not sent yet, with one attempt."""


class Exporter:
    """Takes finished calls and delivers their spans.

    Args:
        settings: Where to send, and what is the same for all spans. May be replaced.
        losses: Where losses are counted.
        outlet: Where spans go; default what the settings say.
    """

    def __init__(self, settings: Settings, losses: Losses, outlet: Outlet | None = None) -> None:
        self.settings = settings
        self.losses = losses
        self.enabled = True
        self._queue: deque[Ended] = deque(maxlen=QUEUE_CALLS_MAX)
        self._accepted = Tally()
        self._taken = 0  # by the side that encodes, and only there
        # About: threads may add at the same time, and the encoding side sets it back to zero.
        self._body_bytes = 0
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = True  # whether the thread sleeps until it is woken
        self._woken = False  # whether it was told that the queue is long
        self._quiet = QUIET_INTERVALS  # intervals in which no call came
        self._taken_before = 0  # calls that had been taken when that was last counted
        self._running = False
        self.thread_id: int | None = None  # of the thread that runs, or ran last
        self._starting = threading.Lock()
        self._cycle = threading.Lock()  # held by whoever encodes and sends
        self._progress = threading.Condition()
        self._flushers = 0
        self._ending = False
        self._delivery: Outlet | None = outlet
        # Streams under way; a set of objects without a hash of their own, so no step of ours is in
        # between when one is added or taken out.
        self.open: set[Open] = set()
        self.served: Served | None = None  # limits to ask the collector for
        self.span_file: SpanFile | None = None  # where spans are kept until they are delivered

    def put(self, observation: Ended) -> None:
        """Take a finished call. Never waits: only starting the thread takes a lock, if it is free.

        A finalizer may call it inside any of our functions, so nothing here locks again.
        """
        if observation.body_bytes:
            if self._body_bytes + observation.body_bytes > QUEUE_BODY_BYTES_MAX:
                observation.drop_body()
            else:
                self._body_bytes += observation.body_bytes
        if self.span_file is not None:
            observation = self.span_file.keep(observation, self.settings)
        self._accepted.add()
        self._queue.append(observation)
        if not self._running:
            self._start()
        if self._idle:
            self._idle = False
            self._wake.put(None)
        elif not self._woken and (
            len(self._queue) >= WAKE_CALLS or self._body_bytes > WAKE_BODY_BYTES
        ):
            self._woken = True
            self._wake.put(None)

    def has_room(self, body_bytes: int) -> bool:
        """Return whether so many bytes more may wait, about."""
        return self._body_bytes + body_bytes <= QUEUE_BODY_BYTES_MAX

    def finish_open(self) -> None:
        """Record the streams that are still open, for the end of the process: it reads no more."""
        for stream in tuple(self.open):
            stream.finish()

    def waiting(self) -> int:
        """Return how many finished calls wait to be encoded."""
        return len(self._queue)

    def flush(self, timeout_s: float, attempts: int | None = None) -> None:
        """Wait until what was put before is delivered or given up, at most `timeout_s` seconds.

        Args:
            timeout_s: Seconds.
            attempts: Failed attempts to send after which waiting is pointless; None for no limit.
        """
        deadline = monotonic() + timeout_s
        target = self._accepted.value()
        if self._settled() >= target or timeout_s <= 0:
            return
        if not self._running:
            self._start()
        failures = self._failures()
        with self._progress:
            self._flushers += 1
        try:
            while self._settled() < target and monotonic() < deadline:
                if attempts is not None and self._failures() - failures >= attempts:
                    return
                self._wait_for_a_cycle(deadline)
        finally:
            with self._progress:
                self._flushers -= 1

    def counts(self) -> tuple[int, int, Mapping[str, int]]:
        """Return how many spans were delivered and wait, and all losses by reason."""
        lost = dict(self.losses.values())
        delivery = self._delivery
        delivered = 0
        if delivery is not None:
            delivered = delivery.delivered
            lost[BACKLOG_FULL] += delivery.backlog_full
            lost[REJECTED] += delivery.rejected
        accepted = self._accepted.value()
        # What the queue's bound pushed out is what was accepted and is nowhere else.
        lost[QUEUE_FULL] += max(accepted - self._taken - len(self._queue), 0)
        settled = delivered + sum(lost[reason] for reason in SPAN_REASONS)
        return delivered, max(accepted - settled, 0), lost

    def _settled(self) -> int:
        delivered, _, lost = self.counts()
        return delivered + sum(lost[reason] for reason in SPAN_REASONS)

    def _failures(self) -> int:
        return self._delivery.failures if self._delivery is not None else 0

    def _wait_for_a_cycle(self, deadline: float) -> None:
        remaining_s = max(deadline - monotonic(), 0.0)
        if self._running:
            self._wake.put(None)
            with self._progress:
                self._progress.wait(min(remaining_s, FLUSH_WAIT_S))
        elif self._cycle.acquire(timeout=remaining_s):
            # The interpreter is ending and starts no thread any more.
            try:
                self._encode_and_send(deadline)
            finally:
                self._cycle.release()
            if self._failures():
                self._wake_or_pause(min(remaining_s, FLUSH_WAIT_S))

    def report(self, timeout_s: float) -> None:
        """Send the counts of losses, if all else was sent and some are new; for the very end."""
        delivery = self._delivery
        if delivery is None or delivery.waiting() or not self._cycle.acquire(timeout=timeout_s):
            return
        try:
            delivery.report(self.settings, timeout_s)
        finally:
            self._cycle.release()

    def wake(self) -> None:
        """Have the thread send what there is now, without waiting for it. Takes no lock of ours."""
        if self._running:
            self._flushers += 1  # for good: the process is about to end
            self._ending = True
            self._wake.put(None)

    def disown(self) -> None:
        """In a forked child: take no more, as the parent sends what is here."""
        self.enabled = False
        self._queue = deque(maxlen=0)
        self._running = True
        self._idle = False

    def _start(self) -> None:
        # A stream may be finalized when the interpreter ends: before Python 3.12 a thread that is
        # started then never begins, and whoever started it waits for that without an end.
        if sys.is_finalizing() or not self._starting.acquire(blocking=False):
            return  # or another thread is about to
        try:
            if not self._running:
                self._make_primitives()
                thread = threading.Thread(target=self._run, name="tollbook-export", daemon=True)
                self._running = True
                thread.start()
        except RuntimeError:
            # No more threads, or the interpreter is ending: flush() encodes and sends itself.
            self._running = False
            self.losses.count(FAULT)
        finally:
            self._starting.release()

    def _make_primitives(self) -> None:
        # A program may have replaced threads by greenlets since we were made, as gevent's workers
        # do after a fork: what a greenlet waits for must be of the same kind, or all of them stop.
        self._wake = queue.SimpleQueue()
        self._progress = threading.Condition()
        if not self._cycle.locked():
            self._cycle = threading.Lock()

    def _run(self) -> None:
        self.thread_id = threading.get_ident()
        try:
            if "gevent" in sys.modules:
                self._look_up()
            while True:
                if self.served is not None and not self.served.wait_s():
                    self.served.ask(self.settings)
                self._sleep()
                try:
                    with self._cycle:
                        self._encode_and_send(None)
                except Exception:
                    self.losses.count(FAULT)
                with self._progress:
                    self._progress.notify_all()
        finally:
            self._running = False

    def _look_up(self) -> None:
        """Look the collector's name up, for which gevent starts a thread that it keeps.

        From Python 3.12 on none can be started when the interpreter ends, as a worker does that
        delivers its first calls then.
        """
        if self.settings.handed_over:
            return
        import socket

        at = urlsplit(self.settings.traces_url)
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(at.hostname, at.port, type=socket.SOCK_STREAM)

    def _sleep(self) -> None:
        """Wait for something to do, and then for more of it, but for no flush.

        While calls come, the thread looks for them by itself: one that wakes it pays for that, and
        until it is done so does each call that lets go of the interpreter's lock.
        """
        delivery = self._delivery
        waits = delivery is not None and delivery.waiting() > 0
        if self._is_quiet() and not waits:
            self._idle = True
            # A call that came before this line is in the queue; one after it wakes the thread.
            if not self._queue:
                self._wake_or_pause(None if self.served is None else self.served.wait_s())
            self._idle = False
        if waits or not (self._flushers and self._queue):
            hurries = self._ending or (self._flushers and waits)
            self._wake_or_pause(FLUSH_RETRY_S if hurries else EXPORT_INTERVAL_S)
        self._woken = False

    def _is_quiet(self) -> bool:
        """Return whether no call came for some intervals, of which one has passed."""
        self._quiet = self._quiet + 1 if self._taken == self._taken_before else 0
        self._taken_before = self._taken
        return self._quiet > QUIET_INTERVALS

    def _wake_or_pause(self, pause_s: float | None) -> None:
        try:
            self._wake.get(timeout=pause_s)
            while True:
                self._wake.get_nowait()
        except queue.Empty:
            return

    def _new_delivery(self) -> Outlet:
        if self.settings.handed_over:
            from tollbook.hand_over import HandOver

            return HandOver(self.losses)
        from tollbook.deliver import Delivery

        return Delivery(self.losses, self.counts, self.span_file)

    def _encode_and_send(self, deadline: float | None) -> None:
        delivery = self._delivery
        if delivery is None:
            delivery = self._delivery = self._new_delivery()
        for _ in range(len(self._queue)):
            try:
                observation = self._queue.popleft()
            except IndexError:
                break
            self._taken += 1
            delivery.add(observation, self.settings)
        self._body_bytes = 0
        delivery.send(self.settings, deadline, impatient=self._flushers > 0)
