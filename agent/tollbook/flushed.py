"""What `flush()` returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flushed:
    """What became of the spans of this process since `instrument()` or its fork.

    Attributes:
        delivered: Spans that the collector acknowledged.
        queued: Spans that wait for it still.
        dropped: Spans that will never be delivered.
        lost: Every count of loss by reason, also of parts of a span (`tag_cut`, …) and of faults
            of tollbook's own (`fault`).
    """

    delivered: int
    queued: int
    dropped: int
    lost: Mapping[str, int] = field(default_factory=dict)
