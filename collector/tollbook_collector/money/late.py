"""Late charges: what reaches a closed month is charged in the next open one, with its usage date.

A month that was closed keeps its charges by hour and dimensions. Whatever changes them afterwards,
spans that came late or copies that were found late, is taken off the month and added to the one
after the last closed month, in one insert: what is charged in all stays what was used.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.store import sql

EVERY_S: Final = 60.0


class LateCharges:
    """Books late charges, a round at a time.

    Args:
        store: Gives the store; may raise StoreUnavailable.
    """

    def __init__(self, store: Callable[[], LedgerStore]) -> None:
        self._store = store

    def book(self) -> None:
        """Compare the closed months with what they were, and book the differences."""
        book_late_charges(self._store())


def book_late_charges(store: LedgerStore) -> None:
    """Move what came to closed months after their end into the next open one."""
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    store.command(sql.read("queries/late_charges"), {"made_at": made_at})
