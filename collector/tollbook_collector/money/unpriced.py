"""Calls without a price: counted again and again, so that they are seen before the bill is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

COUNT_EVERY_S: Final = 60.0
HOURS: Final = 24


class Asked(Protocol):
    """What counting needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class UnpricedCalls:
    """How many calls of the last HOURS hours have no price, by reason."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def count(self, store: Asked) -> None:
        """Count them anew."""
        rows = store.rows(sql.read("queries/unpriced_counts"), {"hours": HOURS})
        self._counts = {str(reason): int(calls) for reason, calls in rows}

    def counts(self) -> dict[str, int]:
        """Return what was counted last, by reason; empty: every call has a price."""
        return dict(self._counts)

    def notes(self) -> list[str]:
        """Return a sentence for people, if there is anything to say."""
        total = sum(self._counts.values())
        if not total:
            return []
        reasons = ", ".join(f"{calls} {reason}" for reason, calls in self._counts.items())
        return [
            f"calls of the last {HOURS} hours without a price, not in any cost: {total}"
            f" ({reasons}); which models: tollbook prices missing"
        ]
