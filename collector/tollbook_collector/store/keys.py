"""The keys in the store: what makes collectors agree on them, within seconds.

Each collector reads all keys every SHARE_S, keeps them on its disk, and writes those that the store
does not have yet: of two versions of a key the later counts everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import Key, Limits
from tollbook_collector.store import sql

# A revocation counts everywhere within 5 s: this, and the time of one query.
SHARE_S: Final = 2.0
USE_S: Final = 10.0
TABLE: Final = "keys"
USE_TABLE: Final = "key_use"
COLUMNS: Final = (
    "id",
    "tenant",
    "name",
    "scopes",
    "digest",
    "pepper_id",
    "created_at",
    "expires_at",
    "revoked_at",
    "replaces",
    "requests_per_s",
    "items_per_s",
    "bytes_per_day",
    "changed_at",
)
USE_COLUMNS: Final = (
    "tenant",
    "key",
    "day",
    "collector",
    "requests",
    "items",
    "bytes",
    "last_used_at",
)


class KeyTable(Protocol):
    """What keys need of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


def share_keys(file: KeyFile, ring: Keyring, store: Callable[[], KeyTable]) -> None:
    """Let the disk, the store and the memory of a collector know the same keys.

    Raises:
        StoreUnavailable: The store is away; the keys of the disk are in force.
        StoreRefused: It does not take the keys.
        KeyFileUnusable: The disk's keys cannot be read.
    """
    ring.put(file.keys())
    clickhouse = store()
    stored = _stored(clickhouse)
    together = file.merge(stored)
    missing = [
        key
        for key in together.values()
        if key.id not in stored or stored[key.id].changed_at < key.changed_at
    ]
    if missing:
        clickhouse.insert(TABLE, COLUMNS, [_row(key) for key in missing])
    ring.put(together)


def share_use(allowance: Allowance, collector: str, store: Callable[[], KeyTable]) -> None:
    """Tell the other collectors what keys have sent here today, and learn what they sent there.

    Args:
        allowance: What counts here.
        collector: Names this run of a collector.
        store: Where it is told.

    Raises:
        StoreUnavailable, StoreRefused: It was not told; it is the next time.
    """
    clickhouse = store()
    rows = [
        (
            used.tenant,
            key_id,
            used.day,
            collector,
            used.requests,
            used.items,
            used.bytes,
            used.last_used_at,
        )
        for key_id, used in allowance.used().items()
    ]
    if rows:
        clickhouse.insert(USE_TABLE, USE_COLUMNS, rows)
    today = datetime.now(UTC).date()
    parameters = {"day": today, "collector": collector}
    elsewhere = clickhouse.rows(sql.read("queries/key_use_elsewhere"), parameters)
    day = (today - datetime.fromtimestamp(0, UTC).date()).days
    allowance.put_elsewhere(day, {str(key): int(total) for key, total in elsewhere})


def _stored(clickhouse: KeyTable) -> dict[str, Key]:
    found = {}
    for row in clickhouse.rows(sql.read("queries/keys")):
        values = dict(zip(COLUMNS, row, strict=True))
        limits = Limits(
            int(values.pop("requests_per_s")),
            int(values.pop("items_per_s")),
            int(values.pop("bytes_per_day")),
        )
        for name in ("created_at", "expires_at", "revoked_at"):
            values[name] = values[name].replace(tzinfo=UTC) if values[name] else None
        values["scopes"] = tuple(values["scopes"])
        key = Key(**values, limits=limits)
        found[key.id] = key
    return found


def _row(key: Key) -> tuple[Any, ...]:
    limits = key.limits
    values = {**vars(key), **vars(limits), "scopes": list(key.scopes)}
    return tuple(values[name] for name in COLUMNS)
