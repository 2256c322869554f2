"""The books, looked at again and again: an imbalance that stays is a fault of tollbook.

Rows and their account are written by one insert, but not in one instant: so only what is missing by
the same number in two rounds counts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

CHECK_S: Final = 60.0

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
    """

    def __init__(self, store: Callable[[], BookStore]) -> None:
        self._store = store
        self._before: dict[Entry, int] = {}
        self._wrong: dict[Entry, int] = {}

    def check(self) -> None:
        """Look once.

        Raises:
            StoreUnavailable, StoreRefused: It could not; the last findings stand.
        """
        found = {
            (str(tenant), str(key), str(signal), str(hour)): int(imbalance)
            for tenant, key, signal, hour, imbalance in self._store().rows(
                sql.read("queries/books_imbalance")
            )
        }
        self._wrong = {
            entry: items for entry, items in found.items() if self._before.get(entry) == items
        }
        self._before = found

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
