"""The outbox: messages that are to be delivered, in a table, so that no crash loses one.

A message's id is made of what it tells and to whom, so whoever plans it again, after whatever
crash, plans the same message. A receiver sees one id for all tries.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

ID_CHARACTERS: Final = 24
WAITING_MAX: Final = 5_000
# A message is tried, and a dead one can be replayed, for so long.
KEPT: Final = timedelta(days=40)
REASON_CHARACTERS_MAX: Final = 300
# Waits before the tries after the first, as Standard Webhooks recommend: 75 h 35 min in all.
SCHEDULE: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# Each wait is longer or shorter by up to this share, so that many messages do not come at once.
JITTER: Final = 0.2


class Database(Protocol):
    """What the outbox needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class Message:
    """One state of a message; a row of `alert_versions`, whose comments say what is what."""

    tenant: str
    message: str
    incident: str
    sequence: int
    type: str
    severity: str
    title: str
    route: str
    webhook: str
    content: str
    state: str
    reason: str
    attempts: int
    next_at: datetime
    created_at: datetime


COLUMNS: Final = (*(field.name for field in fields(Message)), "version")


def message_id(*parts: str) -> str:
    """Return the id of what parts make: the same for the same parts, and without a full stop."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:ID_CHARACTERS]}"


def write(store: Database, messages: Sequence[Message]) -> None:
    """Write states of messages in one block: all of them, or none."""
    version = time.time_ns()
    rows = [
        [
            *(getattr(message, name) for name in Message.__dataclass_fields__),
            version,
        ]
        for message in messages
    ]
    if rows:
        store.insert("alert_versions", COLUMNS, rows)


def read(
    store: Database, question: str, parameters: Mapping[str, Any] | None = None
) -> list[Message]:
    """Return the messages of the last KEPT that a question of the store answers with."""
    since = (datetime.now(UTC) - KEPT).strftime("%Y-%m-%d %H:%M:%S")
    given = {"limit": WAITING_MAX, "since": since, **(parameters or {})}
    rows = store.rows(sql.read(question), given)
    return [Message(*(_aware(value) for value in row)) for row in rows]


def tried(message: Message, now: datetime, error: str, retry_after_s: float | None) -> Message:
    """Return the state after a try: delivered, waiting for the next, or dead after the last.

    Args:
        message: As it was tried.
        now: When the try was over.
        error: Why it failed; empty: delivered.
        retry_after_s: What the receiver asked for; it may lengthen a wait and not shorten it.
    """
    attempts = message.attempts + 1
    if not error:
        return replace(message, state="delivered", reason="", attempts=attempts)
    reason = error[:REASON_CHARACTERS_MAX]
    if attempts > len(SCHEDULE):
        return replace(message, state="dead", reason=reason, attempts=attempts)
    wait_s = SCHEDULE[attempts - 1].total_seconds() * jitter(message.message, attempts)
    wait = timedelta(seconds=max(wait_s, retry_after_s or 0.0))
    return replace(message, reason=reason, attempts=attempts, next_at=now + wait)


def jitter(message: str, attempt: int) -> float:
    """Return a factor of a wait, from 1 - JITTER to 1 + JITTER: drawn, but the same each time."""
    drawn = hashlib.sha256(f"{message}/{attempt}".encode()).digest()
    return 1 + JITTER * (2 * int.from_bytes(drawn[:8]) / 2**64 - 1)


def _aware(value: Any) -> Any:
    # The driver returns instants of UTC without their zone.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
