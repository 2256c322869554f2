"""Waiting for a condition of another process, for tests."""

import time
from collections.abc import Callable

WAIT_S = 60.0
LOOK_AGAIN_S = 0.05


class NeverHappened(AssertionError):
    """A condition did not come true in time."""


def wait_until(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Look again until the condition holds; NeverHappened when it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise NeverHappened(f"not within {timeout_s} s: {condition}")
        time.sleep(LOOK_AGAIN_S)
