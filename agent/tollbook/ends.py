"""How a stream's ends are kept, where all that is to be learnt of it is at its ends.

Between the first event and the last ones are pieces of the answer, which nobody has to look at.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tollbook.tally import FAULT, Losses

if TYPE_CHECKING:
    from tollbook.meter import Facts

# Events at the end that are looked at, unless an interface has fewer: between the finish reason and
# the usage Azure's filters send some chunks.
LAST_EVENTS: Final = 8

See = Callable[[Any], None]
Read = Callable[[Any, bool], "Facts | None"]


class Ends(NamedTuple):
    """What to keep of the ends of a stream.

    Attributes:
        last: How many events at the end have the finish reason and the usage.
        own_host: A host that is known to send nothing in between, and its number of events: each
            that is held is memory that the next one is not made in.
        repeat: Whether each event says who answers, so that the first one need not be read.
        as_text: Whether what is kept is text, which is read on the export thread.
        keeping: Given what keeps, what reads at once, and where faults are counted, returns what
            sees an event; None where that only keeps it.
        read: Returns the facts of what was kept; None where `Api.event` does.
        only: Of events that say their type, the one that is read, besides the first event. Nothing
            is kept then: an event that is held is memory that the next one is not made in.
    """

    last: int = LAST_EVENTS
    own_host: tuple[str, int] | None = None
    repeat: bool = False
    as_text: bool = False
    keeping: Callable[[See, See, Losses], See] | None = None
    read: Read | None = None
    only: str | None = None

    def count(self, base_url: Any) -> int:
        """Return how many events at the end are kept, of a client that asks there."""
        if self.own_host is not None and getattr(base_url, "host", None) == self.own_host[0]:
            return self.own_host[1]
        return self.last


def facts_of_ends(
    events: Sequence[Any], read: Read, losses: Losses, *, alone: bool
) -> "list[Facts]":
    """Return the facts of the last events of a stream, in their order. Never raises.

    Args:
        events: The last ones, in their order.
        read: Returns the facts of an event; its second argument is whether it is the first one.
        losses: Where faults are counted.
        alone: Whether nothing is known of the stream yet: of one that was stopped before its end
            the last event says who answered.
    """
    found: list[Facts] = []
    has_usage = has_reason = False
    for event in reversed(events):
        try:
            facts = read(event, False)
        except Exception:
            losses.count(FAULT)
            continue
        if facts is not None:
            found.append(facts)
            has_usage = has_usage or facts.usage is not None
            has_reason = has_reason or bool(facts.finish_reasons)
            if has_usage and has_reason:  # before that there are pieces of the answer
                break
    if alone and events and not found:
        try:
            if (facts := read(events[-1], True)) is not None:
                found.append(facts)
        except Exception:
            losses.count(FAULT)
    return found[::-1]
