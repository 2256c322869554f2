"""SIGTERM: delivers what is there before the process dies of it, and chains to who came first."""

import _thread
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from tollbook.tally import FAULT, Losses

WAIT_S: Final = 1.6  # the longest that dying is put off
# And the longest that the program's own handler is. It cannot be nothing: uvicorn, once it has shut
# down, raises the signal again without any handler, and the process is gone.
WAIT_FOR_HANDLER_S: Final = 0.3

Handler = Callable[[int, FrameType | None], Any]


class Termination:
    """The handler of SIGTERM.

    Where the program has no handler, the signal would end the process at once: what is there is
    delivered first, for a bounded time, and then the process ends by the signal as it would have.
    Where it has one, that one is in charge: what is there is delivered for a moment before it is
    called, as it may end the process at once. A program that ignores the signal goes on ignoring
    it, and one that sets a handler later replaces ours.

    Args:
        deliver: Delivers what is there, waiting for a bounded time.
        begin: Delivers what is there soon, as the program may or may not end by itself.
        losses: Where faults are counted.
        delivers: Says whether it is asked by the thread that delivers, which a signal interrupts
            only where threads are greenlets. It would wait for itself.
    """

    def __init__(
        self,
        deliver: Callable[[], None],
        begin: Callable[[], None],
        losses: Losses,
        delivers: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deliver = deliver
        self._begin = begin
        self._losses = losses
        self._delivers = delivers
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
            self._in_time(self._begin, 0.0 if self._delivers() else WAIT_FOR_HANDLER_S)
            self._before(number, frame)
        elif self._delivers():
            self._in_time(self._deliver, 0.0, lambda: end_by(number))
        else:
            self._in_time(self._deliver, WAIT_S)
            end_by(number)

    def _in_time(
        self, deliver: Callable[[], None], wait_s: float, then: Callable[[], None] | None = None
    ) -> None:
        """Deliver in another thread, and wait so long for it. Never raises.

        Args:
            deliver: What delivers.
            wait_s: Seconds.
            then: What is to be done there after that.

        The main thread may hold any lock at this point, even of ours; `threading` has locks of its
        own, hence the bare thread. Where threads are greenlets, nobody can wait here.
        """
        try:
            done = _thread.allocate_lock()
            done.acquire()

            def deliver_and_tell() -> None:
                try:
                    deliver()
                finally:
                    done.release()
                    if then is not None:
                        then()

            _thread.start_new_thread(deliver_and_tell, ())
            done.acquire(timeout=wait_s)
        except Exception:  # no more threads, too: go on as without us
            self._losses.count(FAULT)


def end_by(number: int) -> None:
    """End the process by a signal as if nobody handled it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
