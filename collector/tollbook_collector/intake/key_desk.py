"""Where keys are made, rotated and revoked: on the disk of a collector, which tells the store."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keys import (
    EVERY_TENANT,
    Key,
    Limits,
    WrongKeyRequest,
    changed,
    given_key,
    new_key,
)

# Active keys in all; each collector reads them every two seconds.
KEYS_MAX: Final = 10_000
OVERLAP_MAX: Final = timedelta(days=90)


class NoSuchKey(LookupError):
    """There is no key of that id among those that may be managed."""


class KeyDesk:
    """Makes and changes keys.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: KeyFile) -> None:
        self._file = file

    def listing(self, tenant: str) -> list[Key]:
        """Return the keys of a tenant (of `*`: all), newest first."""
        mine = [key for key in self._file.keys().values() if tenant in (EVERY_TENANT, key.tenant)]
        return sorted(mine, key=lambda key: key.created_at, reverse=True)

    def create(
        self,
        tenant: str,
        scopes: tuple[str, ...],
        name: str = "",
        expires_in: timedelta | None = None,
        limits: Limits | None = None,
    ) -> tuple[Key, str]:
        """Return a new key and its text, which is kept nowhere.

        Raises:
            WrongKeyRequest: It cannot be made as asked.
        """
        now = datetime.now(UTC)
        active = sum(key.state(now) == "active" for key in self._file.keys().values())
        if active >= KEYS_MAX:
            raise WrongKeyRequest(f"there are {active} active keys, the limit is {KEYS_MAX}")
        expires_at = now + expires_in if expires_in is not None else None
        key, token = new_key(self._file.pepper(), tenant, scopes, name, expires_at, limits)
        self._file.merge({key.id: key})
        return key, token

    def admit(self, token: str) -> None:
        """Let a key in that was made elsewhere, to manage the keys of all tenants.

        What the desk, or any collector of the fleet, changed of it since then holds: a revoked one
        stays revoked.

        Raises:
            WrongKeyRequest: It has not the form of a key.
        """
        self._file.merge({(key := given_key(self._file.pepper(), token)).id: key})

    def rotate(self, key_id: str, tenant: str, overlap: timedelta) -> tuple[Key, str]:
        """Return a key that takes the place of another one, which goes on for a while.

        Args:
            key_id: Of the key that ends.
            tenant: Whose keys may be managed; `*`: all.
            overlap: How long both are valid.

        Raises:
            NoSuchKey: There is none.
            WrongKeyRequest: It is not active, or the overlap is too long.
        """
        old = self._find(key_id, tenant)
        now = datetime.now(UTC)
        if old.state(now) != "active":
            raise WrongKeyRequest(f"the key {key_id} is {old.state(now)}; make a new one")
        if not timedelta(0) <= overlap <= OVERLAP_MAX:
            raise WrongKeyRequest(f"an overlap is 0 to {OVERLAP_MAX.days} days, got {overlap}")
        # The new one lives as long as the old one was meant to.
        life = old.expires_at - old.created_at if old.expires_at else None
        key, token = new_key(
            self._file.pepper(),
            old.tenant,
            old.scopes,
            old.name,
            now + life if life else None,
            old.limits,
            replaces=old.id,
        )
        ends_at = min(old.expires_at or now + overlap, now + overlap)
        self._file.merge({key.id: key, old.id: changed(old, expires_at=ends_at)})
        return key, token

    def revoke(self, key_id: str, tenant: str) -> Key:
        """End a key now, and return it; again, nothing changes.

        Raises:
            NoSuchKey: There is none.
        """
        key = self._find(key_id, tenant)
        if key.revoked_at is None:
            key = changed(key, revoked_at=datetime.now(UTC))
            self._file.merge({key.id: key})
        return key

    def _find(self, key_id: str, tenant: str) -> Key:
        keys: Mapping[str, Key] = self._file.keys()
        key = keys.get(key_id)
        if key is None or tenant not in (EVERY_TENANT, key.tenant):
            raise NoSuchKey(f"there is no key {key_id!r}; `tollbook keys list` shows them")
        return key
