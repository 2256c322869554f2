"""Counts that threads, signal handlers and finalizers add to without taking a lock."""

import itertools
from collections.abc import Callable, Mapping
from typing import Final

# What was lost on the way, by reason; the first group are whole spans.
QUEUE_FULL: Final = "queue_full"  # more calls ended than the export thread could take
BACKLOG_FULL: Final = "backlog_full"  # the collector was away for longer than the backlog holds
REJECTED: Final = "rejected"  # the collector refused the span for good
UNREADABLE: Final = "unreadable"  # our own fault: the call could not be turned into a span
# Parts of a span.
BODY_DROPPED: Final = "body_dropped"  # a raw body over the limit, so the call has no usage
CONTENT_DROPPED: Final = "content_dropped"  # content that could not be redacted, or was too much
CONTENT_CUT: Final = "content_cut"  # content over its length
TAG_DROPPED: Final = "tag_dropped"  # a tag over the limit of names, or without text
TAG_CUT: Final = "tag_cut"  # a tag's name or value over its length
VALUE_CUT: Final = "value_cut"  # an attribute over its length: a text cut, a vector left out
RATES_UNREADABLE: Final = "rates_unreadable"  # the price file is absent or broken: no cost
BUDGET_FORGOTTEN: Final = "budget_forgotten"  # spending of a key, over the limit of keys
SPOOL_FULL: Final = "spool_full"  # a span that the spool file had no room for, sent all the same
LIMITS_UNREADABLE: Final = "limits_unreadable"  # an answer about limits that is none
FAULT: Final = "fault"  # an exception of ours that was caught before it reached the caller

REASONS: Final = (
    QUEUE_FULL,
    BACKLOG_FULL,
    REJECTED,
    UNREADABLE,
    BODY_DROPPED,
    CONTENT_DROPPED,
    CONTENT_CUT,
    TAG_DROPPED,
    TAG_CUT,
    VALUE_CUT,
    RATES_UNREADABLE,
    BUDGET_FORGOTTEN,
    SPOOL_FULL,
    LIMITS_UNREADABLE,
    FAULT,
)
SPAN_REASONS: Final = REASONS[:4]


class Tally:
    """A number that only grows, exact without a lock.

    A finalizer or a signal handler may run while its own thread is inside any of our functions, and
    a child be forked while another is, so nothing locks: `itertools.count` advances atomically.
    """

    __slots__ = ("_count", "add")

    def __init__(self) -> None:
        self._count = itertools.count()
        # Adds one. It is the count's own method: nothing of ours is in between.
        self.add: Callable[[], object] = self._count.__next__

    def value(self) -> int:
        """Return how often `add` was called."""
        # "count(7)": its repr is the one look at it that does not advance it.
        return int(repr(self._count)[len("count(") : -1])


class Losses:
    """How often each thing was lost in this process, by reason."""

    __slots__ = ("_tallies",)

    def __init__(self) -> None:
        self._tallies = {reason: Tally() for reason in REASONS}

    def count(self, reason: str) -> None:
        """Add one loss of one of the `REASONS`."""
        self._tallies[reason].add()

    def values(self) -> Mapping[str, int]:
        """Return the counts of all reasons, zeros too."""
        return {reason: tally.value() for reason, tally in self._tallies.items()}
