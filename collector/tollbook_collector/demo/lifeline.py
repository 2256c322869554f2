"""Ends a child of the demo with its parent, however the parent ends."""

import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Send this process SIGTERM once standard input, a pipe that the parent holds, is closed.

    Whoever reads lines from standard input has to do so before.
    """
    threading.Thread(target=_wait_for_the_end, name="lifeline", daemon=True).start()


def _wait_for_the_end() -> None:
    # From the descriptor: a buffered reader would be locked when the interpreter ends.
    descriptor = sys.stdin.fileno()
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
