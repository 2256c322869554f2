"""Opening the store: embedded or elsewhere, migrated, with a price book in force.

A collector takes spans before its store answers: they wait in the spool. So a store that is away
is connected in the background, while one that must not be touched (it is newer, or its history
was edited) stops the start.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tollbook_collector.store import sql
from tollbook_collector.store.client import (
    ClickHouse,
    StoreAddress,
    StoreRefused,
    StoreUnavailable,
)
from tollbook_collector.store.copy import unfinished

RETRY_S: Final = 2.0

log = logging.getLogger(__name__)


class Store:
    """A store that may not answer yet.

    Args:
        address: Where it is.
        prepare: What is done with it once it is migrated, before it is used.
    """

    def __init__(self, address: StoreAddress, prepare: Callable[[ClickHouse], None]) -> None:
        self._address = address
        self._prepare = prepare
        self._clickhouse: ClickHouse | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""

    def open(self) -> None:
        """Connect and migrate now, or go on trying in the background if nothing answers.

        Raises:
            EditedMigration: A migration was edited after it was applied.
            NewerDatabase: A newer version of tollbook migrated it.
            StoreRefused: The user or password is wrong, or a right is missing.
        """
        try:
            self._connect()
        except StoreUnavailable as error:
            self._failure = str(error)
            log.warning("the store does not answer, spans wait in the spool: %s", error)
            self._thread = threading.Thread(target=self._retry, name="tollbook-store", daemon=True)
            self._thread.start()

    @property
    def clickhouse(self) -> ClickHouse:
        """The connected store.

        Raises:
            StoreUnavailable: It is not connected yet.
        """
        if self._clickhouse is None:
            raise StoreUnavailable(self._failure or "the store is not connected yet")
        return self._clickhouse

    def insert_segment(
        self, content: bytes | None, token: str, signal: str = "traces", path: Path | None = None
    ) -> None:
        """Insert a segment; see ClickHouse.insert_segment."""
        self.clickhouse.insert_segment(content, token, signal, path)

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query; see ClickHouse.rows."""
        return self.clickhouse.rows(statement, parameters)

    def close(self, seconds: float | None = None) -> None:
        """Stop trying, for which so many seconds are waited, and close the connections."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if self._clickhouse is not None:
            self._clickhouse.close()

    def _connect(self) -> None:
        clickhouse = ClickHouse(self._address)
        if unfinished(clickhouse):
            clickhouse.close()
            raise StoreUnavailable(
                "another store is being copied into this one (tollbook store copy); spans wait in"
                " the spool until it is done"
            )
        applied = sql.migrate(clickhouse, clickhouse.cluster)
        if applied:
            log.info("applied %d files of SQL", len(applied))
        self._prepare(clickhouse)
        self._clickhouse = clickhouse

    def _retry(self) -> None:
        while not self._stopping.wait(RETRY_S):
            try:
                self._connect()
            except (
                StoreUnavailable,
                StoreRefused,
                sql.EditedMigration,
                sql.NewerDatabase,
            ) as error:
                self._failure = str(error)
            else:
                log.info("the store answers again")
                return
