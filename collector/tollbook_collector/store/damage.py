"""Parts of tables that the engine found damaged when it opened them, and set aside without a word.

Their rows are missing from then on. How many they are is the imbalance in the books, which are in a
table of their own; which table they are of, and where they lie, is said here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

LOOK_EVERY_S: Final = 60.0


class Asked(Protocol):
    """What looking needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class DamagedParts:
    """How many parts of each table are set aside as damaged."""

    def __init__(self) -> None:
        self._parts: dict[str, int] = {}

    def look(self, store: Asked) -> None:
        """Look anew.

        Raises:
            StoreUnavailable: The store is away.
            StoreRefused: A server of yours does not let this user see its parts.
        """
        rows = store.rows(sql.read("queries/damaged_parts"))
        self._parts = {str(table): int(parts) for table, parts in rows}

    def faults(self) -> list[str]:
        """Return a sentence for each table that lost rows; empty: none did."""
        return [
            f"the store set {parts} damaged parts of {table} aside, in detached/ of its directory;"
            " the imbalance in the books says how many rows that are"
            for table, parts in self._parts.items()
        ]
