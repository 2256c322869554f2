"""Duties: what a collector does again and again in the background, each on a thread of its own.

A duty that fails is logged and counted and done again at its next time; it never takes another
duty, the door or the process down.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

# A duty is told to end and then waited for so long; what it writes is safe to be cut off.
STOP_S: Final = 10.0
# A duty that another collector does is looked at again after this, or after its own time if less.
LEAD_LOOK_S: Final = 2.0
# So long a patient duty lets spans go first that wait to be loaded; then it takes its share.
PATIENCE_S: Final = 60.0

log = logging.getLogger(__name__)


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
    """

    rounds: int = 0
    failures: int = 0
    last_error: str = ""
    last_s: float = 0.0


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
            duty.run()
        except Exception as error:  # the head of a background task; counted as a failure
            if not before.last_error:
                log.exception("cannot %s", duty.name)
            counted = before.failures + 1
            last_error = f"{type(error).__name__}: {error}"
            after = replace(before, failures=counted, last_error=last_error)
        else:
            after = replace(before, rounds=before.rounds + 1, last_error="")
        self._counts[duty.name] = replace(after, last_s=time.monotonic() - started)
