"""A tree of spans as bars over time, each with its cost and that of all steps below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tollbook_collector.answer.calls import TraceSpan

WIDTH: Final = 1000.0
# A bar that is shorter could not be seen.
WIDTH_MIN: Final = 2.0


@dataclass(frozen=True)
class Bar:
    """A span where it is drawn.

    Args:
        span: The span.
        left: Where it begins; the whole is WIDTH wide.
        width: How long it is, in the same units.
        below_usd: Cost of it and of all steps below it, of those that are priced.
    """

    span: TraceSpan
    left: float
    width: float
    below_usd: Decimal


def waterfall(spans: Sequence[TraceSpan]) -> tuple[list[Bar], int]:
    """Return the bars of spans, which are in the order of a tree, and the nanoseconds of all."""
    starts = [int(span.started_at.timestamp() * 1e9) for span in spans]
    first = min(starts)
    whole_ns = max(
        1, max(start + span.duration_ns for start, span in zip(starts, spans, strict=True)) - first
    )
    sums = _below(spans)
    bars = [
        Bar(
            span,
            WIDTH * (start - first) / whole_ns,
            max(WIDTH_MIN, WIDTH * span.duration_ns / whole_ns),
            below,
        )
        for span, start, below in zip(spans, starts, sums, strict=True)
    ]
    return bars, whole_ns


def _below(spans: Sequence[TraceSpan]) -> list[Decimal]:
    """Return for each span the cost of itself and of the deeper spans that follow it."""
    sums = [span.cost_usd or Decimal(0) for span in spans]
    # From the last to the first: a span is complete when its parent, who is before it, is reached.
    open_at: dict[int, Decimal] = {}
    for at in range(len(spans) - 1, -1, -1):
        depth = spans[at].depth
        sums[at] += open_at.pop(depth + 1, Decimal(0))
        open_at[depth] = open_at.get(depth, Decimal(0)) + sums[at]
    return sums
