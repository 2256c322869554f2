"""How a stream's ends are kept, where all that is to be learnt of it is at its ends.

Between the first event and the last ones are pieces of the answer, which nobody has to look at.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tollbook.tally import Losses

if TYPE_CHECKING:
    from tollbook.meter import Facts

# Events at the end that are looked at, unless an interface has fewer: between the finish reason and
# the usage Azure's filters send some chunks.
LAST_EVENTS: Final = 8

See = Callable[[Any], None]


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
    """

    last: int = LAST_EVENTS
    own_host: tuple[str, int] | None = None
    repeat: bool = False
    as_text: bool = False
    keeping: Callable[[See, See, Losses], See] | None = None
    read: "Callable[[Any, bool], Facts | None] | None" = None

    def count(self, base_url: Any) -> int:
        """Return how many events at the end are kept, of a client that asks there."""
        if self.own_host is not None and getattr(base_url, "host", None) == self.own_host[0]:
            return self.own_host[1]
        return self.last
