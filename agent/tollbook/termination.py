"""SIGTERM: delivers what is there before the process dies of it, and chains to who came first."""

import _thread
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

WAIT_S: Final = 1.6  # the longest that dying is put off

Handler = Callable[[int, FrameType | None], Any]


class Termination:
    """The handler of SIGTERM.

    Where the program has no handler, the signal would end the process at once: what is there is
    delivered first, for a bounded time, and then the process ends by the signal as it would have.
    Where it has one, that one is in charge: delivery starts, and nothing waits for it. A program
    that ignores the signal goes on ignoring it, and one that sets a handler later replaces ours.

    Args:
        deliver: Delivers what is there, waiting for a bounded time.
        start: Starts delivering and does not wait.
    """

    def __init__(self, deliver: Callable[[], None], start: Callable[[], None]) -> None:
        self._deliver = deliver
        self._start = start
        self._before: Handler | None = None

    def install(self) -> bool:
        """Take the signal if that is ours to do; False if not. Only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            return False
        before = signal.getsignal(signal.SIGTERM)
        if before is None or before is signal.SIG_IGN:
            return False
        self._before = before if callable(before) else None
        signal.signal(signal.SIGTERM, self.handle)
        return True

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Deliver, then do what would have been done without us."""
        if self._before is not None:
            self._start()
            self._before(number, frame)
            return
        # The main thread may hold any lock at this point, even of ours: another thread delivers.
        # `threading` has locks of its own, hence the bare thread.
        done = _thread.allocate_lock()
        done.acquire()

        def deliver() -> None:
            try:
                self._deliver()
            finally:
                done.release()

        try:
            _thread.start_new_thread(deliver, ())
        except RuntimeError:  # no more threads: die at once, as without us
            pass
        else:
            done.acquire(timeout=WAIT_S)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
