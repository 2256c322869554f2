"""Hot reload: the price files are watched, and a good change comes into force within seconds.

A file that is wrong, or whose rates jump without somebody having said that this is right, is
refused with its line and reason, and the book in force stays in force.
"""

import threading
from pathlib import Path
from typing import Any, Final

from tollbook_collector.money.book import BookStore, put_in_force
from tollbook_collector.money.changes import JUMP_MAX, accepted, jumps
from tollbook_collector.money.own_book import UnreadablePrices
from tollbook_collector.money.rate import Book
from tollbook_collector.money.seed import LIBRARY_DATA, SNAPSHOT, read_book
from tollbook_collector.store import sql

RELOAD_EVERY_S: Final = 2.0
# Changes that are named when they are refused.
NAMED_MAX: Final = 3

Fingerprint = tuple[tuple[str, int, int], ...]


class PriceReader:
    """Reads the price book of a directory and puts it in force, at the start and on a change.

    Args:
        directory: Of the user's price files; need not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: Fingerprint | None = None
        self._in_force: Book | None = None
        self._refused = ""
        self._source = ""
        self._lock = threading.Lock()

    def begin(self, store: BookStore) -> bool:
        """Put the book of the files in force; if they are wrong, keep the one that is in force.

        Raises:
            UnreadablePrices: They are wrong and no book is in force yet.
        """
        with self._lock:
            try:
                return self._read(store)
            except UnreadablePrices:
                if not store.rows(sql.read("queries/price_book_in_force")):
                    raise
                return False

    def reload(self, store: BookStore) -> None:
        """Put the book of the files in force if they changed.

        Raises:
            UnreadablePrices: They are wrong; nothing changed. Raised at each change, not at each
                round.
        """
        with self._lock:
            if self._fingerprint() != self._seen:
                self._read(store)

    def status(self) -> dict[str, Any]:
        """Return where the prices in force come from, and why files are refused, if they are."""
        return {"source": self._source, "refused": self._refused}

    def _read(self, store: BookStore) -> bool:
        fingerprint = self._fingerprint()
        try:
            book = read_book(self._directory)
            self._refuse_jumps(book)
        except UnreadablePrices as error:
            self._seen, self._refused = fingerprint, str(error)
            raise
        changed = put_in_force(store, book)
        # Only now: a store that did not answer is tried again at the next round.
        self._seen, self._refused, self._in_force = fingerprint, "", book
        self._source = book.source
        return changed

    def _refuse_jumps(self, book: Book) -> None:
        files = [self._directory / name for name, _, _ in self._fingerprint()]
        if not files:
            return
        # Somebody answers for the files that they accepted, and for no others.
        allowed = [LIBRARY_DATA if f.name == SNAPSHOT else f.stem for f in files if accepted(f)]
        slips = jumps(self._in_force or read_book(), book, allowed)
        if slips:
            raise UnreadablePrices(
                f"{len(slips)} rates would change over {JUMP_MAX} times:"
                f" {'; '.join(slips[:NAMED_MAX])}; if that is right: tollbook prices import FILE"
                " --force"
            )

    def _fingerprint(self) -> Fingerprint:
        if not self._directory.is_dir():
            return ()
        files = [*self._directory.glob("*.toml"), self._directory / SNAPSHOT]
        found = []
        for file in sorted(files):
            try:
                state = file.stat()
            except OSError:
                continue
            found.append((file.name, state.st_mtime_ns, state.st_size))
        return tuple(found)
