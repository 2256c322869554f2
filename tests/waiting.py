"""Waiting for a condition of another process, for tests."""

import time
from collections.abc import Callable

WAIT_S = 180.0
LOOK_AGAIN_S = 0.05
# For the head of a program: it may take its time to deliver at its end. With other programs on the
# machine, the time that a user is promised may be over before ours had the processor once.
PATIENT = f"""
import tollbook.process, tollbook.termination
tollbook.process.EXIT_TIMEOUT_S = tollbook.process.REPORT_TIMEOUT_S = {WAIT_S}
tollbook.termination.WAIT_S = tollbook.termination.WAIT_FOR_HANDLER_S = {WAIT_S}
"""


class NeverHappened(AssertionError):
    """A condition did not come true in time."""


def wait_until(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Look again until the condition holds; NeverHappened when it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise NeverHappened(f"not within {timeout_s} s: {condition}")
        time.sleep(LOOK_AGAIN_S)
