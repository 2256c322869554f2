"""One thing that `tollbook doctor` has looked at."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        verdict: ok, note (works, but worth knowing) or bad (does not work).
        text: What was found.
        remedy: What to do about it; empty: nothing.
    """

    verdict: Verdict
    text: str
    remedy: str = ""
