"""The price book in the store: writing a book, and putting it in force.

A book is written whole under its own `book_at` and comes into force with its row in `price_books`,
so a reader sees the old one or the new one. Older books stay: they say what a call was priced with.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tollbook_collector.money.rate import Book
from tollbook_collector.store import sql

# The engine's copies of the newest book; they are read anew when it changes.
DICTIONARIES: Final = (
    "model_by_name",
    "context_steps_by_model",
    "windows_by_model",
    # What a card holds comes before how it is found: a card is never found that is not there yet.
    "rate_card_by_id",
    "rate_card_by_call",
    "unit_rates_by_card",
)


class BookStore(Protocol):
    """What writing a book needs of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


def put_in_force(store: BookStore, book: Book, at: datetime | None = None) -> bool:
    """Write `book` and price by it from now on; return False if it was in force already.

    Args:
        store: Where it is written.
        book: What it holds.
        at: The version it gets, UTC; None: now.
    """
    digest = _sha256(book)
    in_force = store.rows(sql.read("queries/price_book_in_force"))
    changed = not in_force or str(in_force[0][0]) != digest
    if changed:
        _write(store, book, digest, at or datetime.now(UTC))
    for dictionary in DICTIONARIES:
        store.command(sql.read("queries/reload_dictionary"), {"dictionary": dictionary})
    return changed


def _write(store: BookStore, book: Book, digest: str, at: datetime) -> None:
    store.insert(
        "model_patterns",
        ["book_at", "id", "regexp", "model"],
        [
            [at, number, _keyed(rule.provider, rule.pattern), rule.model]
            for number, rule in enumerate(book.patterns, start=1)
        ],
    )
    columns = [
        "price_id",
        "provider",
        "model",
        "service_tier",
        "context_over",
        "meter",
        "rate_usd",
        "valid_from",
        "valid_to",
        "source",
        "variant",
        "list_usd",
    ]
    store.insert(
        "rates",
        ["book_at", *columns],
        [[at, *(getattr(rate, column) for column in columns)] for rate in book.rates],
    )
    store.insert(
        "price_windows",
        ["book_at", "provider", "model", "variant", "weekdays", "start_minute", "end_minute"],
        [
            [
                at,
                window.provider,
                window.model,
                window.variant,
                sum(1 << (day - 1) for day in window.weekdays),
                window.start_minute,
                window.end_minute,
            ]
            for window in book.windows
        ],
    )
    store.insert("price_books", ["book_at", "sha256", "source"], [[at, digest, book.source]])


def _keyed(provider: str, pattern: str) -> str:
    """Return a pattern for `provider:model`."""
    return f"^{re.escape(provider)}:{pattern.removeprefix('^')}"


def _sha256(book: Book) -> str:
    digest = hashlib.sha256()
    for item in (*book.patterns, *book.rates, *book.windows):
        digest.update(repr(item).encode())
    return digest.hexdigest()
