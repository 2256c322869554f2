"""The end of a collector: how long each step of it may take, and the last moment of all.

Times count from the signal on and are shared: a step that was quick leaves its time to the next
ones. Whatever hangs, a disk, a store, a webhook or a thread that asks one, the process is gone
after END_S: what was acknowledged is on disk by then, and is loaded at the next start.
"""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

# Requests under way are answered, no others are taken; rounds of duties end meanwhile.
LISTENING_ENDS_S: Final = 5.0
# The lease is given up and the last lines of the audit are written.
LEASE_ENDS_S: Final = 6.0
# The spool is loaded; what is left waits on disk.
INSERTS_END_S: Final = 13.0
# The embedded store has stopped, or is killed.
STORE_ENDS_S: Final = 17.0
# The process is gone. A platform that sends SIGKILL waits longer: deploy/ gives 30 s.
END_S: Final = 18.0
# What a step gets at the least, also when those before it have taken all.
STEP_S_MIN: Final = 0.1

log = logging.getLogger(__name__)


class Ending:
    """Counts the time from the signal that ends a collector.

    Args:
        end_s: Seconds after which `leave` is called.
        leave: Ends the process at once, with a status.
    """

    def __init__(self, end_s: float = END_S, leave: Callable[[int], object] = os._exit) -> None:
        self._end_s = end_s
        self._leave = leave
        self._began = 0.0
        self._step = "nothing"
        self._took: list[str] = []
        self._by_signal = False

    def begin(self) -> None:
        """Start the clock; the process is gone after `end_s`, whatever it does."""
        self._began, self._by_signal = time.monotonic(), True
        threading.Thread(target=self._cut_off, name="tollbook-ending", daemon=True).start()

    def left(self, until_s: float) -> float:
        """Return the seconds that are left until so many have passed, STEP_S_MIN at the least."""
        if not self._began:
            self._began = time.monotonic()
        return max(STEP_S_MIN, self._began + until_s - time.monotonic())

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Name what is done meanwhile, for the log."""
        self._step, began = name, time.monotonic()
        yield
        self._took.append(f"{name} {time.monotonic() - began:.1f} s")

    def close(self) -> None:
        """Log how long each step took, and leave if a signal began it.

        Threads that still ask a store that hangs are not waited for, nor is the interpreter taken
        apart: that took six seconds on a machine with ten times too much to do.
        """
        log.info("ended: %s", ", ".join(self._took))
        if self._by_signal:
            sys.stdout.flush()
            self._leave(0)

    def _cut_off(self) -> None:
        time.sleep(self.left(self._end_s))
        log.warning(
            "the end was cut off after %g s, while %s was under way; what was acknowledged is on"
            " disk, and is loaded at the next start",
            self._end_s,
            self._step,
        )
        # Nothing was lost by it, so the platform need not take it for a failure.
        self._leave(0)
