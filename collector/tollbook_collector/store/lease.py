"""A lease: of several collectors at one store, one does what must be done once.

A claim is a row that runs out unless it is renewed. ClickHouse has no compare-and-set, so time
stands in for it: a claim counts once it is SETTLE_S old, and one whose writing took longer than
that is given up, so whoever holds a lease has seen every older claim. Times that are compared are
of one clock: the store's between claims, this process's own between its own steps.

It saves work and messages; it is not what keeps numbers right. A holder that hangs may go on for a
moment beside its successor, and every duty writes the same rows under the same ids when done twice.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tollbook_collector.store import sql
from tollbook_collector.store.client import StoreRefused, StoreUnavailable

# A holder that died is succeeded after this, and its successor's claim settles.
TERM_S: Final = 30.0
SETTLE_S: Final = 5.0
RENEW_S: Final = 5.0

log = logging.getLogger(__name__)


class LeaseStore(Protocol):
    """What a lease needs of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Lease:
    """A collector's claim to a name.

    Args:
        store: Gives the store; may raise StoreUnavailable.
        name: What is done by one collector at a time.
        holder: Names this collector, for people.
        shared: Whether other collectors may be at the store; if not, it is always held.
        term_s: Seconds until a claim that is not renewed runs out.
        now: A clock that never goes back, in seconds; an argument so that a test can turn it.
    """

    def __init__(
        self,
        store: Callable[[], LeaseStore],
        name: str,
        holder: str,
        shared: bool = True,
        term_s: float = TERM_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._name = name
        self._holder = holder
        self._shared = shared
        self._term_s = term_s
        self._now = now
        self._term = ""
        self._claimed_at = 0.0
        self._until = 0.0
        self._counts = False
        self._known_holder = "" if shared else holder

    def held(self) -> bool:
        """Return whether this collector has it now; asks nobody."""
        return not self._shared or (self._counts and self._now() < self._until)

    @property
    def holder(self) -> str:
        """Who had it at the last look; empty: nobody, or nobody has looked."""
        return self._known_holder

    def keep(self) -> None:
        """Claim it if nobody has it, renew it if this collector does; one step, to be repeated.

        Raises:
            StoreUnavailable, StoreRefused: It could not; what is held is held until it runs out.
        """
        if not self._shared:
            return
        store = self._store()
        if not self._term:
            if self._look(store):
                return
            self._claim(store)
        else:
            self._renew(store)

    def release(self) -> None:
        """Give it up, so that another has it at once; while the store is away, it runs out."""
        term, self._term, self._counts = self._term, "", False
        if term:
            with contextlib.suppress(StoreUnavailable, StoreRefused):
                self._write(self._store(), "queries/lease_renew", term, 0.0)

    def _claim(self, store: LeaseStore) -> None:
        term, began = uuid.uuid4().hex, self._now()
        self._write(store, "queries/lease_claim", term, self._term_s)
        self._claimed_at = self._now()
        self._term, self._until = term, began + self._term_s
        if self._claimed_at - began > SETTLE_S:
            # Others may have settled without having seen it.
            self.release()

    def _renew(self, store: LeaseStore) -> None:
        before, began = self._until, self._now()
        self._write(store, "queries/lease_renew", self._term, self._term_s)
        if self._now() >= before:
            # It ran out meanwhile, and may be another's.
            self.release()
            return
        self._until = began + self._term_s
        settled = self._now() - self._claimed_at >= SETTLE_S
        first = self._look(store)
        if first != self._term:
            self.release()
        elif settled and not self._counts:
            self._counts = True
            log.info("this collector has the lease of %s", self._name)

    def _look(self, store: LeaseStore) -> str:
        """Return the claim that counts; empty: there is none."""
        rows = store.rows(sql.read("queries/lease_holder"), {"name": self._name})
        term, self._known_holder = (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")
        return term

    def _write(self, store: LeaseStore, query: str, term: str, lasts_s: float) -> None:
        parameters = {"name": self._name, "term": term, "term_ms": round(lasts_s * 1000)}
        if query == "queries/lease_claim":
            parameters["holder"] = self._holder
        store.command(sql.read(query), parameters)
