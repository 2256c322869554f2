"""Pricing calls anew: what a new price book changes is added as adjustments.

The prices in force are applied by the same SQL that prices a call when it comes: the text of the
view `price`, read from the recorded calls instead of from those that pass. Only the difference to
what was charged so far is added, so doing it again adds nothing.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

PRICE_VIEW: Final = "views/30_price"
PASSING: Final = "FROM normalised\n"
# What the view's outer list does not carry through, and rating needs.
CARRIED: Final = (
    "recorded_usd",
    "recorded_price_id",
    "recorded_model",
    "adjusted_usd",
    "call_key",
    "run",
)
# With its steps merged into one expression the engine prices a hundred times slower.
SETTINGS: Final = {
    "query_plan_merge_expressions": 0,
    "compile_expressions": 0,
    "max_insert_threads": 2,
}

# One change at a time: two at once would both add the difference.
_CHANGING = threading.Lock()


class LedgerStore(Protocol):
    """What the ledger needs of the store."""

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class Change:
    """What pricing anew does to the calls of one model, for one reason.

    Args:
        provider: Of the calls.
        model: As it was recorded.
        why: Why it changes, or does not.
        calls: Calls it is about.
        old_usd: Charged so far.
        new_usd: Charged from now on.
        delta_usd: What the adjustments add up to.
        book_at: The price book in force; None: the calls have no price in it.
    """

    provider: str
    model: str
    why: str
    calls: int
    old_usd: Decimal
    new_usd: Decimal
    delta_usd: Decimal
    book_at: datetime | None


@dataclass(frozen=True)
class Rerating:
    """Which calls are priced anew: those of a tenant that started from `since` to `until`, UTC.

    Args:
        tenant: Whose.
        since: First instant.
        until: First instant that no longer counts.
        models: As recorded; none: all.
    """

    tenant: str
    since: datetime
    until: datetime
    models: tuple[str, ...] = ()

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the statements."""
        return {
            "tenant": self.tenant,
            "since": self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "until": self.until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "models": list(self.models),
        }


def preview(store: LedgerStore, rerating: Rerating) -> list[Change]:
    """Return what pricing anew would change, largest first; nothing is written."""
    statement = _repriced("queries/rerate_summary")
    rows = store.rows(statement, rerating.parameters(), SETTINGS)
    return [Change(*row) for row in rows]


def rerate(store: LedgerStore, rerating: Rerating, author: str, reason: str) -> list[Change]:
    """Add the adjustments, and return what they change, largest first."""
    with _CHANGING:
        changes = preview(store, rerating)
        if any(change.delta_usd for change in changes) or _gains_price(changes):
            made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            said = {"made_at": made_at, "author": author, "reason": reason}
            statement = _repriced("queries/rerate")
            store.command(statement, {**rerating.parameters(), **said}, SETTINGS)
    return changes


def _gains_price(changes: Sequence[Change]) -> bool:
    """Return whether amounts may change that cancel each other out."""
    return any(change.why not in ("unchanged", "still without a price") for change in changes)


def _repriced(query: str) -> str:
    """Return a query with the calls at the prices in force in place of `repriced`."""
    _, _, price = sql.read(PRICE_VIEW).partition(" AS\n")
    before, select, after = price.partition("SELECT\n")
    assert PASSING in after, f"{PRICE_VIEW} does not read normalised"
    carried = "".join(f"    {column},\n" for column in CARRIED)
    recorded = sql.read("queries/repriced_calls")
    repriced = after.replace(PASSING, f"FROM\n(\n{recorded})\n")
    calls = f"FROM\n(\n{before}{select}{carried}{repriced})\n"
    return sql.read(query).replace("FROM repriced\n", calls)
