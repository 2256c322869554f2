"""The books, looked at again and again: an imbalance that stays is a fault of tollbook.

Rows and their account are written by one insert, but not in one instant, and beside other inserts
that may take long. So what counts is what was missing in each of several rounds: the least of it,
for what was under way at one of them is there at another. Where inserts never rest, something is
under way at each of them: hence a last look, while no insert of this collector is.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

CHECK_S: Final = 60.0
# A fault that is known has more or less of it at every look, by what is under way: so often
# inserts are held to see how much it is now.
AGAIN_S: Final = 3600.0
# Two rounds in a row found the one span of a canary under way, each time that of another insert.
LOOKS: Final = 4

Entry = tuple[str, str, str, str]


class BookStore(Protocol):
    """What checking the books needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Books:
    """Checks the books of the last two days.

    Args:
        store: Gives the store; may raise StoreUnavailable.
        quiet: Lets no insert of this collector be under way inside; may raise StoreUnavailable.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        store: Callable[[], BookStore],
        quiet: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._quiet = quiet
        self._clock = clock
        self._again_at = 0.0
        self._looks: deque[dict[Entry, int]] = deque(maxlen=LOOKS)
        self._wrong: dict[Entry, int] = {}

    def check(self) -> None:
        """Look once, and once more without inserts if that finds a fault that is not known yet.

        Of one that is known and grew, what is known stands until such a look, AGAIN_S later.

        Raises:
            StoreUnavailable, StoreRefused: It could not; the last findings stand.
        """
        self._looks.append(self._look())
        wrong = self._in_every_look()
        known = {entry: self._wrong.get(entry, 0) for entry in wrong}
        news = any(known[entry] * items <= 0 for entry, items in wrong.items())
        if news or (wrong != known and self._clock() >= self._again_at):
            with self._quiet():
                self._looks.append(self._look())
            self._again_at = self._clock() + AGAIN_S
            self._wrong = self._in_every_look()
        else:
            self._wrong = {entry: min(wrong[entry], known[entry], key=abs) for entry in wrong}

    def _look(self) -> dict[Entry, int]:
        """Return how many items are missing of each entry that does not balance."""
        return {
            (str(tenant), str(key), str(signal), str(hour)): int(imbalance)
            for tenant, key, signal, hour, imbalance in self._store().rows(
                sql.read("queries/books_imbalance")
            )
        }

    def _in_every_look(self) -> dict[Entry, int]:
        """Return the least of what each entry missed in all looks, of those that always did."""
        wrong: dict[Entry, int] = {}
        for entry in self._looks[-1] if len(self._looks) == LOOKS else ():
            seen = [look.get(entry, 0) for look in self._looks]
            least = min(seen, key=abs)
            if all(items * least > 0 for items in seen):
                wrong[entry] = least
        return wrong

    def faults(self) -> list[str]:
        """Return a sentence if the books do not balance; it names no tenant."""
        if not self._wrong:
            return []
        missing = sum(items for items in self._wrong.values() if items > 0)
        doubled = -sum(items for items in self._wrong.values() if items < 0)
        tenants = len({entry[0] for entry in self._wrong})
        return [
            f"the books do not balance: {missing} items are missing and {doubled} too many, of"
            f" {tenants} tenant{'s' * (tenants > 1)} in {len(self._wrong)} hours; SELECT * FROM"
            " books WHERE imbalance != 0 shows your own"
        ]

    def counts(self) -> dict[str, int]:
        """Return how much is missing and too much, in items."""
        return {
            "missing": sum(items for items in self._wrong.values() if items > 0),
            "too_many": -sum(items for items in self._wrong.values() if items < 0),
        }
