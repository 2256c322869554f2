"""What this collector has taken of budgets to lend, written where the other collectors see it.

ClickHouse has no compare-and-set. So a collector writes what it takes first and reads what the
others took then: of two that take at the same time, at least one sees the other, and both lend no
more than what is left of the budget without what they saw. Not for replicas that lag behind each
other: there, two collectors at two replicas may both lend what one of them took a moment ago.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

# A claim counts for so long unless it is written again: longer than a lease of it can run and what
# was used of that needs to be measured.
CLAIM_S: Final = 180
COLUMNS: Final = ("tenant", "budget", "value", "collector", "claimed_usd")

Scope = tuple[str, str]  # budget, value


class ClaimStore(Protocol):
    """What claims need of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


class Claims:
    """The claims of one collector.

    Args:
        store: Gives the store; raises StoreUnavailable while it is not connected.
    """

    def __init__(self, store: Callable[[], ClaimStore]) -> None:
        self._store = store
        # Of a collector that died, what it lent may still be spent: its successor is another one.
        self._collector = uuid.uuid4().hex

    def others(self, tenant: str) -> dict[Scope, Decimal]:
        """Return what all other collectors have taken, in US dollars."""
        asked = {"tenant": tenant, "collector": self._collector, "lasts_s": CLAIM_S}
        rows = self._store().rows(sql.read("queries/limit_claims"), asked)
        return {(str(budget), str(value)): usd for budget, value, usd in rows}

    def write(self, tenant: str, claims: Mapping[Scope, Decimal]) -> None:
        """Write what this collector takes, in place of what it took before."""
        rows = [
            (tenant, budget, value, self._collector, usd) for (budget, value), usd in claims.items()
        ]
        self._store().insert("limit_claims", COLUMNS, rows)
