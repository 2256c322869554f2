"""Duties: what a collector does again and again in the background, each on a thread of its own.

A duty that fails is logged and counted and done again at its next time; it never takes another
duty, the door or the process down.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from opentelemetry import trace

from tollbook_collector.store.client import StoreUnavailable

# A duty is told to end and then waited for so long; what it writes is safe to be cut off.
STOP_S: Final = 10.0
# A duty that another collector does is looked at again after this, or after its own time if less.
LEAD_LOOK_S: Final = 2.0
# Of a round in which many failed, so many are named, with so much of what they said.
NAMED_MAX: Final = 5
ERROR_LENGTH_MAX: Final = 300
# People are told of a duty that failed so many times without a success between.
TROUBLE_AFTER: Final = 3
# So long a patient duty lets spans go first that wait to be loaded; then it takes its share.
PATIENCE_S: Final = 60.0

log = logging.getLogger(__name__)
# OpenTelemetry's API alone records nothing: only who runs the collector under an SDK has spans.
TRACER = trace.get_tracer("tollbook_collector")

T = TypeVar("T")


class SomeFailed(Exception):
    """Some of what a round was about failed, and the rest of it was done.

    Args:
        errors: What was raised, by the name of what failed; not empty.
        failed_count: How many failed, also of one name.
        all_count: How many there were in all.
    """

    def __init__(self, errors: dict[str, Exception], failed_count: int, all_count: int) -> None:
        named = [
            f"{name}: {type(error).__name__}: {error}"[:ERROR_LENGTH_MAX]
            for name, error in list(errors.items())[:NAMED_MAX]
        ]
        super().__init__(f"{failed_count} of {all_count} failed: {'; '.join(named)}")
        self.errors = errors


def each_alone(
    those: Iterable[T], do: Callable[[T], object], name: Callable[[T], str] = str
) -> None:
    """Do something with each of those, so that one that fails ends nobody's part but its own.

    Args:
        those: Tenants, hours, messages: what is independent of the others.
        do: What is done with one.
        name: Names one in the error.

    Raises:
        StoreUnavailable: The store is away, at once: nothing can be done with the others either.
        SomeFailed: After the last one.
    """
    failed = try_each(those, do, name)
    if failed is not None:
        raise failed


def try_each(
    those: Iterable[T], do: Callable[[T], object], name: Callable[[T], str] = str
) -> SomeFailed | None:
    """Return what `each_alone` raises after the last one, for whom something is left to be done."""
    errors: dict[str, Exception] = {}
    all_count = failed_count = 0
    for one in those:
        all_count += 1
        try:
            do(one)
        except StoreUnavailable:
            raise
        except Exception as error:  # the head of one's own part of a round
            failed_count += 1
            errors[name(one)] = error
    if not errors:
        return None
    failed = SomeFailed(errors, failed_count, all_count)
    failed.__cause__ = next(iter(errors.values()))
    return failed


@dataclass(frozen=True)
class Duty:
    """One thing to do again and again.

    Args:
        name: Names it in /health, /metrics and the log; a verb and a noun, as `reload prices`.
        every_s: Seconds from the end of one round to the start of the next.
        run: One round. It may raise; StoreUnavailable is expected while the store is away.
        alone: Of several collectors at one store, one does it at a time.
        patient: It may wait for PATIENCE_S while loading is behind.
    """

    name: str
    every_s: float
    run: Callable[[], None]
    alone: bool = False
    patient: bool = False


@dataclass(frozen=True)
class DutyCounts:
    """What a duty has done.

    Args:
        rounds: Rounds that ended well.
        failures: Rounds that raised.
        last_error: Of the last round; empty: it ended well.
        last_s: Seconds that the last round took.
        failures_in_row: Rounds that raised since the last one that ended well; a store that is
            away is none.
    """

    rounds: int = 0
    failures: int = 0
    last_error: str = ""
    last_s: float = 0.0
    failures_in_row: int = 0


class Duties:
    """The duties of a collector, started and stopped together.

    Args:
        duties: Each begins its first round at `start`.
        leads: Whether this collector does the duties that one does alone; asked before each round.
        behind: Whether spans wait for the store; asked before each round of a patient duty.
    """

    def __init__(
        self,
        duties: Sequence[Duty],
        leads: Callable[[], bool] = lambda: True,
        behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._leads = leads
        self._behind = behind
        self._stopping = threading.Event()
        self._counts = {duty.name: DutyCounts() for duty in duties}
        self._threads = [
            threading.Thread(
                target=self._repeat, args=(duty,), name=f"tollbook {duty.name}", daemon=True
            )
            for duty in duties
        ]

    def start(self) -> None:
        """Begin the first round of each."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = STOP_S) -> bool:
        """Begin no further round, wait so many seconds for those that run; return if all ended."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def counts(self) -> dict[str, DutyCounts]:
        """Return what each has done, by name."""
        return dict(self._counts)

    def troubles(self) -> list[str]:
        """Return which duties fail again and again, and why; empty: none does."""
        return [
            f"{name} fails: {counts.last_error}, {counts.failures_in_row} times in a row"
            for name, counts in self._counts.items()
            if counts.failures_in_row >= TROUBLE_AFTER
        ]

    def _repeat(self, duty: Duty) -> None:
        due_at = time.monotonic()
        while not self._stopping.is_set():
            if (duty.alone and not self._leads()) or self._lets_spans_go_first(duty, due_at):
                self._stopping.wait(min(duty.every_s, LEAD_LOOK_S))
                continue
            self._run(duty)
            self._stopping.wait(duty.every_s)
            due_at = time.monotonic()

    def _lets_spans_go_first(self, duty: Duty, due_at: float) -> bool:
        return duty.patient and time.monotonic() - due_at < PATIENCE_S and self._behind()

    def _run(self, duty: Duty) -> None:
        before = self._counts[duty.name]
        started = time.monotonic()
        try:
            with TRACER.start_as_current_span(duty.name):
                duty.run()
        except Exception as error:  # the head of a background task; counted as a failure
            away = isinstance(error, StoreUnavailable)
            if not before.last_error:
                log.log(
                    logging.WARNING if away else logging.ERROR,
                    "cannot %s: %s",
                    duty.name,
                    error,
                    exc_info=None if away else error,
                )
            counted = before.failures + 1
            last_error = f"{type(error).__name__}: {error}"
            in_row = before.failures_in_row + (not away)
            after = replace(before, failures=counted, last_error=last_error, failures_in_row=in_row)
        else:
            after = replace(before, rounds=before.rounds + 1, last_error="", failures_in_row=0)
        self._counts[duty.name] = replace(after, last_s=time.monotonic() - started)
