"""`breaker()`: stops calling a provider that fails or crawls, for a while, then tries once."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Any, Final, TypeVar

from tollbook.guard import Attempt, Outcome, Refused
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, enter, leave
from tollbook.settings import SettingInvalid
from tollbook.tally import FAULT

ERRORS_MAX: Final = 10_000  # that a breaker may wait for

Function = TypeVar("Function", bound=Callable[..., Any])


class CircuitOpen(Refused):
    """Calls failed too often of late, so this one was not made.

    Attributes:
        retry_after_s: Seconds until the next one is tried.
    """

    def __init__(self, errors: int, retry_after_s: float, attempt: Attempt) -> None:
        super().__init__(
            f"{errors} calls failed or were too slow, so calls of {attempt.provider} stop for"
            f" another {retry_after_s:.1f} s; wait, or pass fallback= to breaker()",
            attempt,
        )
        self.retry_after_s = retry_after_s


class Breaker(AbstractContextManager["Breaker"]):
    """What `breaker()` returns: a block or a decorator. All its blocks share one state."""

    def __init__(
        self,
        errors: int,
        within_s: float,
        open_s: float,
        slower_than_s: float | None,
        fallback: str | None,
    ) -> None:
        self._within_s = within_s
        self._open_s = open_s
        self._slower_than_s = slower_than_s
        self._fallback = fallback
        self._failed_at: deque[float] = deque(maxlen=errors)
        self._open_until: float | None = None
        self._probing = False

    def __call__(self, function: Function) -> Function:
        """Return the function, whose calls are stopped while the circuit is open."""
        from tollbook.decoration import inside

        return inside(lambda: _Entered(self), function)

    def __enter__(self) -> "Breaker":
        enter(self, guards=(*CURRENT.get().guards, self))
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not leave(self):
            PROCESS.losses.count(FAULT)

    def admit(self, attempt: Attempt, *, forced: bool) -> "_Watched | None":
        """Let a call pass, or raise `CircuitOpen`."""
        if forced or self._open_until is None:
            return _Watched(self, probe=False)
        remaining_s = self._open_until - monotonic()
        if remaining_s <= 0 and not self._probing:
            self._probing = True
            return _Watched(self, probe=True)
        if attempt.model is not None and attempt.model == self._fallback:
            return None
        refused = CircuitOpen(self._failed_at.maxlen or 0, max(remaining_s, 0.0), attempt)
        refused.fallback = self._fallback
        raise refused

    def learn(self, outcome: Outcome, *, probe: bool) -> None:
        """Take what came of a call."""
        slow = self._slower_than_s is not None and outcome.duration_ns > self._slower_than_s * 1e9
        now = monotonic()
        if probe:
            self._probing = False
        if not outcome.failed and not slow:
            if probe:
                self._open_until = None
                self._failed_at.clear()
            return
        self._failed_at.append(now)
        full = len(self._failed_at) == self._failed_at.maxlen
        if probe or (full and now - self._failed_at[0] <= self._within_s):
            self._open_until = now + self._open_s

    def give_up_probe(self) -> None:
        """Let another call be the one that tries."""
        self._probing = False


class _Entered(AbstractContextManager[None]):
    """One block of a breaker that decorates a function."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def __enter__(self) -> None:
        enter(self, guards=(*CURRENT.get().guards, self._breaker))

    def __exit__(self, *_: object) -> None:
        if not leave(self):
            PROCESS.losses.count(FAULT)


class _Watched:
    """A call that a breaker waits to hear of."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker, *, probe: bool) -> None:
        self._breaker = breaker
        self._probe = probe

    def settle(self, outcome: Outcome) -> None:
        """Tell the breaker what came of the call."""
        self._breaker.learn(outcome, probe=self._probe)

    def release(self) -> None:
        """The call was not made after all."""
        if self._probe:
            self._breaker.give_up_probe()


def breaker(
    *,
    errors: int = 5,
    within_s: float = 60.0,
    open_s: float = 30.0,
    slower_than_s: float | None = None,
    fallback: str | None = None,
) -> Breaker:
    """Stop the model calls of a block, or of a function, while their provider fails.

    After `errors` failed calls within `within_s` seconds, calls raise `CircuitOpen` before they are
    made, for `open_s` seconds; then one is tried, and its success closes the circuit.

    Args:
        errors: Failed calls that open it, 1 to 10,000.
        within_s: Seconds within which they count.
        open_s: Seconds for which no call is made.
        slower_than_s: Calls that take longer count as failed; default none do.
        fallback: Model of the same provider to ask while it is open, instead of raising.

    Raises:
        SettingInvalid: An argument cannot be used.
    """
    if type(errors) is not int or not 1 <= errors <= ERRORS_MAX:
        raise SettingInvalid(f"errors is {errors!r}, but must be 1 to {ERRORS_MAX}")
    for name, seconds in (("within_s", within_s), ("open_s", open_s)):
        if not seconds > 0:
            raise SettingInvalid(f"{name} is {seconds!r}, but must be more than 0 seconds")
    PROCESS.shared_limits()  # what it imports is imported here, and not at the first call
    return Breaker(errors, within_s, open_s, slower_than_s, fallback)
