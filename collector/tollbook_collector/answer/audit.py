"""The audit: who saw and changed what, a row for each request that was let in, or tried to be.

Requests are noted in memory and written every few seconds; the same request again within them is
one row with a count. What a full queue leaves out is counted, and the store's absence loses nothing
that the queue holds.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import AdminTenant, name_of, role_of
from tollbook_collector.intake.keys import Key
from tollbook_collector.store import sql

WRITE_S: Final = 5.0
WAITING_MAX: Final = 10_000
DETAIL_CHARACTERS_MAX: Final = 4_000
ROWS_MAX: Final = 1_000
TABLE: Final = "audit"
COLUMNS: Final = (
    "tenant",
    "at",
    "actor",
    "name",
    "role",
    "address",
    "method",
    "path",
    "detail",
    "status",
    "times",
)
# What machines ask again and again, and what shows nothing of anybody.
LEFT_OUT: Final = ("/static/", "/health", "/ready", "/metrics", "/ping", "/v1/limits")


class AuditStore(Protocol):
    """What the audit needs of the store."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class Seen:
    """One request, without its time: the same again counts once more."""

    tenant: str
    actor: str
    name: str
    role: str
    address: str
    method: str
    path: str
    detail: str
    status: int


class Audit:
    """Notes requests and writes them.

    Args:
        store: Where to; raises StoreUnavailable while it is away.
    """

    def __init__(self, store: Callable[[], AuditStore]) -> None:
        self._store = store
        self._waiting: OrderedDict[Seen, tuple[datetime, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.left_out = 0

    def note(self, seen: Seen) -> None:
        """Remember a request until it is written."""
        with self._lock:
            at, times = self._waiting.get(seen, (datetime.now(UTC), 0))
            if not times and len(self._waiting) >= WAITING_MAX:
                self.left_out += 1
                return
            self._waiting[seen] = (at, times + 1)

    def write(self) -> None:
        """Write what was noted; what cannot be written waits for the next time.

        Raises:
            StoreUnavailable, StoreRefused: Nothing was written, and nothing is lost.
        """
        with self._lock:
            taken, self._waiting = self._waiting, OrderedDict()
        if not taken:
            return
        rows = [
            (
                seen.tenant,
                at,
                seen.actor,
                seen.name,
                seen.role,
                seen.address,
                seen.method,
                seen.path,
                seen.detail,
                seen.status,
                times,
            )
            for seen, (at, times) in taken.items()
        ]
        written = False
        try:
            self._store().insert(TABLE, COLUMNS, rows)
            written = True
        finally:
            if not written:
                with self._lock:
                    newer, self._waiting = self._waiting, taken
                    for seen, (at, times) in newer.items():
                        first, before = self._waiting.get(seen, (at, 0))
                        self._waiting[seen] = (first, before + times)


class Audited:
    """Notes what an application answers.

    Args:
        application: Whose answers.
        audit: Where they are noted.
    """

    def __init__(self, application: ASGIApp, audit: Audit) -> None:
        self._application = application
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request and note it when its status is known."""
        if scope["type"] != "http" or scope["path"].startswith(LEFT_OUT):
            await self._application(scope, receive, send)
            return
        # One for all copies of the scope: the guard leaves in it who was let in.
        state = scope.setdefault("state", {})
        method, path = scope["method"], scope["path"]

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, state, method, path, message["status"])
            await send(message)

        await self._application(scope, receive, noting)

    def _note(
        self, scope: Scope, state: dict[str, Any], method: str, path: str, status: int
    ) -> None:
        key = state.get("key")
        if not isinstance(key, Key):
            # Who was not let in saw nothing; that somebody tried to sign in is worth knowing.
            if (method, path) != ("POST", "/login"):
                return
            key = None
        asked = str(state.get("statement", "")) or scope["query_string"].decode("latin-1")
        self._audit.note(
            Seen(
                key.tenant if key else "",
                key.id or "open" if key else "",
                name_of(key) if key else "",
                role_of(key) if key else "",
                scope["client"][0] if scope.get("client") else "",
                method,
                path,
                asked[:DETAIL_CHARACTERS_MAX],
                status,
            )
        )


class Auditing(Protocol):
    """What the route needs of the collector."""

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""


def add_audit(api: FastAPI, collector: Auditing, audit: Audit) -> None:
    """Note all requests, and add the route that shows them to admins."""
    api.add_middleware(Audited, audit=audit)

    @api.get("/v1/audit")
    def show_audit(
        tenant: AdminTenant,
        since: str = "7d",
        actor: str = "",
        changes: bool = False,
        limit: int = 100,
    ) -> dict[str, Any]:
        """Return who saw and changed what, newest first; with `changes` only the latter."""
        if not 1 <= limit <= ROWS_MAX:
            raise WrongQuestion(f"limit is {limit}, it may be 1 to {ROWS_MAX}")
        parameters = {
            **Period.back(since).parameters(tenant),
            "actor": actor,
            "changes": changes,
            "limit": limit,
        }
        rows = collector.store.rows(sql.read("queries/audit"), parameters)
        names = [name for name in COLUMNS if name != "tenant"]
        return {
            "rows": [
                {name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows
            ],
            "left_out": audit.left_out,
        }
