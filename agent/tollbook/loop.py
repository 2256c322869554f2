"""Stops an agent that makes the same request again and again."""

import hashlib
import json
from typing import Final

from tollbook.guard import Attempt, Outcome, Refused

DIGEST_BYTES: Final = 16
REQUESTS_MAX: Final = 4096  # different requests of a run that are remembered


class LoopDetected(Refused):
    """A run is about to make the same request once more than it may.

    Attributes:
        run: Name of the run.
        repeats_max: How often the same request may be made.
    """

    def __init__(self, run: str, repeats_max: int, attempt: Attempt) -> None:
        super().__init__(
            f"run {run!r} made the same request of {attempt.model!r} {repeats_max} times, which is"
            " its limit; end the task, or raise repeats_max",
            attempt,
        )
        self.run = run
        self.repeats_max = repeats_max


class LoopGuard:
    """Counts equal requests of a run, by a digest of the whole request.

    Args:
        run: Name of the run.
        repeats_max: How often the same request may be made, 1 or more.
    """

    def __init__(self, run: str, repeats_max: int) -> None:
        self._run = run
        self._repeats_max = repeats_max
        self._counts: dict[bytes, int] = {}

    def admit(self, attempt: Attempt, *, forced: bool) -> "_Counted | None":
        """Count a request, or raise `LoopDetected`."""
        if not attempt.body:
            return None
        # The text of an object that JSON has no form for is its repr, which tells copies apart:
        # such requests repeat unseen rather than being taken for equal.
        text = json.dumps([attempt.provider, attempt.body], default=repr, skipkeys=True)
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).digest()
        count = self._counts.pop(digest, 0)
        if count >= self._repeats_max and not forced:
            self._counts[digest] = count
            raise LoopDetected(self._run, self._repeats_max, attempt)
        if len(self._counts) >= REQUESTS_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[digest] = count + 1
        return _Counted(self._counts, digest)


class _Counted:
    """A request that was counted, and is not if it was not made after all."""

    __slots__ = ("_counts", "_digest")

    def __init__(self, counts: dict[bytes, int], digest: bytes) -> None:
        self._counts = counts
        self._digest = digest

    def settle(self, outcome: Outcome) -> None:
        """Do nothing: it stays counted."""

    def release(self) -> None:
        """Count it no more."""
        if self._counts.get(self._digest, 0) > 0:
            self._counts[self._digest] -= 1
