"""Handles that are opened before the request comes that wants them.

To open one and to give it its settings takes 0.5 ms of a question's 3 to 5, and twice that after a
rest. A question is mostly like one before it, so the next handle is opened when an answer has been
sent (measured, in turns with a store that does not, by the driver: 4.1 and 4.9 ms back to back, 6.1
and 6.7 every 30 ms). Each is for one request, as one that is opened for it: nothing is left from
one to the next.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

# A handle is a session of the engine, 0.2 MB: so many wait, of as many kinds.
AHEAD_MAX: Final = 4
# As many kinds are remembered; what comes once, as a comment of one question, is opened for once.
KINDS_MAX: Final = 32


@dataclass(frozen=True)
class Wanted:
    """What a handle is opened with: who wants the same may be given the same.

    `settings` are those of the request, by name, in their order.
    """

    database: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    readonly: str = "0"


class Closable(Protocol):
    """A thing that must be closed."""

    def close(self) -> None:
        """Close it."""


_Handle = TypeVar("_Handle", bound=Closable)


class Ahead(Generic[_Handle]):
    """A few handles that wait, by what they were opened for.

    Args:
        opened: Opens one.
    """

    def __init__(self, opened: Callable[[Wanted], _Handle]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Wanted, _Handle] = OrderedDict()
        self._kinds: OrderedDict[Wanted, None] = OrderedDict()
        self._closed = False

    def take(self, wanted: Wanted) -> _Handle | None:
        """Return a handle, which is the caller's from now on; None if none waits."""
        with self._lock:
            return self._waiting.pop(wanted, None)

    def prepare(self, wanted: Wanted) -> None:
        """Open the next handle of a kind, if it was wanted before and none waits."""
        with self._lock:
            known = wanted in self._kinds
            self._kinds[wanted] = None
            self._kinds.move_to_end(wanted)
            if len(self._kinds) > KINDS_MAX:
                self._kinds.popitem(last=False)
            if not known or wanted in self._waiting or self._closed:
                return
        handle = self._opened(wanted)
        for given_up in self._put(wanted, handle):
            given_up.close()

    def close(self) -> None:
        """Close what waits; none is opened any more."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for handle in waiting:
            handle.close()

    def _put(self, wanted: Wanted, handle: _Handle) -> list[_Handle]:
        """Let a handle wait and return those that do not any more."""
        with self._lock:
            if self._closed or wanted in self._waiting:
                given_up = [handle]
            else:
                self._waiting[wanted] = handle
                over = len(self._waiting) - AHEAD_MAX
                given_up = [self._waiting.popitem(last=False)[1] for _ in range(over)]
        return given_up
