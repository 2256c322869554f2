"""An API key: what it says, how it is made, and which bytes of it are kept.

    tollbook_ Ab3dEf9h _ 43 characters _ 6 characters
              id         secret          checksum

The id is public: it stands in tables, logs and lists. The secret has 256 random bits and is shown
once; what is kept is HMAC-SHA-256 of the whole key under a pepper that is not in the database. The
checksum (CRC-32 of what is before it) lets anybody tell a typo, or a leaked key, from noise.
"""

import hmac
import re
import secrets
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

PREFIX: Final = "tollbook"
ID_CHARACTERS: Final = 8
SECRET_CHARACTERS: Final = 43
CHECKSUM_CHARACTERS: Final = 6
TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# The tenant of keys that manage the keys of all tenants, and see no data of any.
EVERY_TENANT: Final = "*"
NAME_CHARACTERS_MAX: Final = 100
INGEST: Final = "ingest"
VIEW: Final = "view"
QUERY: Final = "query"
ADMIN: Final = "admin"
SCOPES: Final = (INGEST, VIEW, QUERY, ADMIN)
# What else a scope may: who asks in SQL reads pages, who manages keys does both.
INCLUDED: Final = {QUERY: (VIEW,), ADMIN: (QUERY, VIEW)}

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM: Final = re.compile(
    rf"{PREFIX}_([0-9A-Za-z]{{{ID_CHARACTERS}}})_[0-9A-Za-z]{{{SECRET_CHARACTERS}}}"
    rf"_([0-9A-Za-z]{{{CHECKSUM_CHARACTERS}}})"
)


class WrongKeyRequest(ValueError):
    """A key cannot be made or changed as asked; the message says what to ask instead."""


@dataclass(frozen=True)
class Limits:
    """What a key may send; 0: as much as it likes.

    Args:
        requests_per_s: Requests, with a second's worth at once.
        items_per_s: Spans, log records and data points, with a second's worth at once.
        bytes_per_day: Uncompressed bytes from midnight to midnight UTC.
    """

    requests_per_s: int = 0
    items_per_s: int = 0
    bytes_per_day: int = 0


@dataclass(frozen=True)
class Key:
    """What is known of a key; its secret is not.

    Args:
        id: Public.
        tenant: Whose data it writes and reads.
        name: For people, as `checkout in production`.
        scopes: What it may do: ingest, view (pages, REST), query (SQL too), admin (keys too).
        digest: HMAC-SHA-256 of the key, hexadecimal.
        pepper_id: Names the pepper that the digest was made with.
        created_at: When.
        expires_at: From when it is not let in; None: never.
        revoked_at: When it was revoked; None: it was not.
        replaces: Id of the key that it was rotated from; empty: none.
        limits: What it may send.
        changed_at: Nanoseconds since 1970 of the last change; of two versions the later counts.
    """

    id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    digest: str
    pepper_id: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaces: str = ""
    limits: Limits = Limits()
    changed_at: int = 0

    def allows(self, scope: str) -> bool:
        """Return whether it has a scope, or one that includes it."""
        return any(scope == own or scope in INCLUDED.get(own, ()) for own in self.scopes)

    def state(self, now: datetime) -> str:
        """Return active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def shown(self, now: datetime) -> dict[str, Any]:
        """Return what may be shown of it, for JSON."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "name": self.name,
            "scopes": list(self.scopes),
            "state": self.state(now),
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
            "replaces": self.replaces,
            **asdict(self.limits),
        }


@dataclass(frozen=True)
class Pepper:
    """The secret under which digests are made; it stands in no database.

    Args:
        value: 32 random bytes.
    """

    value: bytes

    def __repr__(self) -> str:
        return f"Pepper({self.id})"

    @property
    def id(self) -> str:
        """Its public name."""
        return hmac.digest(self.value, b"tollbook pepper", "sha256").hex()[:8]

    def digest(self, token: str) -> str:
        """Return the digest of a key."""
        return hmac.digest(self.value, token.encode(), "sha256").hex()


def new_key(
    pepper: Pepper,
    tenant: str,
    scopes: tuple[str, ...],
    name: str = "",
    expires_at: datetime | None = None,
    limits: Limits | None = None,
    replaces: str = "",
) -> tuple[Key, str]:
    """Return a new key, and its text, which is kept nowhere.

    Raises:
        WrongKeyRequest: The tenant, the scopes, the name or a limit cannot be.
    """
    chosen = tuple(scope for scope in SCOPES if scope in scopes)
    limits = limits or Limits()
    if tenant != EVERY_TENANT and not TENANT.fullmatch(tenant):
        raise WrongKeyRequest(
            f"{tenant!r} is not a tenant: 1 to 63 letters, digits, '.', '_' or '-',"
            " the first a letter or digit"
        )
    if not chosen or set(scopes) - set(SCOPES):
        raise WrongKeyRequest(f"the scopes are some of {', '.join(SCOPES)}, got {scopes}")
    if tenant == EVERY_TENANT and chosen != (ADMIN,):
        raise WrongKeyRequest("a key of the tenant * manages keys and nothing else: --scope admin")
    if len(name) > NAME_CHARACTERS_MAX:
        raise WrongKeyRequest(
            f"the name has {len(name)} characters, the limit is {NAME_CHARACTERS_MAX}"
        )
    if min(asdict(limits).values()) < 0:
        raise WrongKeyRequest(f"a limit is 0 (none) or more, got {limits}")
    now = datetime.now(UTC)
    if expires_at is not None and expires_at <= now:
        raise WrongKeyRequest(f"the key would have expired at {expires_at.isoformat()}")
    key_id = _random(ID_CHARACTERS)
    head = f"{PREFIX}_{key_id}_{_random(SECRET_CHARACTERS)}"
    token = f"{head}_{_checksum(head)}"
    key = Key(
        id=key_id,
        tenant=tenant,
        name=name,
        scopes=chosen,
        digest=pepper.digest(token),
        pepper_id=pepper.id,
        created_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        expires_at=expires_at,
        replaces=replaces,
        limits=limits,
        changed_at=time.time_ns(),
    )
    return key, token


def given_key(pepper: Pepper, token: str) -> Key:
    """Return what is kept of a key that the settings give; any other version of it is a later one.

    Raises:
        WrongKeyRequest: It has not the form of a key.
    """
    key_id = id_of(token)
    if not key_id:
        raise WrongKeyRequest(
            "TOLLBOOK_FIRST_KEY has not the form of a key; make one with"
            " `tollbook keys create --data $(mktemp -d) --tenant '*' --scope admin`"
        )
    # The same on every collector, so that they agree without asking each other.
    made_at = datetime.fromtimestamp(0, UTC)
    return Key(
        key_id, EVERY_TENANT, "first key", (ADMIN,), pepper.digest(token), pepper.id, made_at
    )


def changed(key: Key, **changes: Any) -> Key:
    """Return a later version of a key; later than the last one whatever the clock says."""
    return replace(key, **changes, changed_at=max(time.time_ns(), key.changed_at + 1))


def later(keys: Mapping[str, Key], others: Mapping[str, Key]) -> dict[str, Key]:
    """Return the keys of both, of each the later version."""
    together = dict(keys)
    for key_id, other in others.items():
        known = together.get(key_id)
        if known is None or known.changed_at < other.changed_at:
            together[key_id] = other
    return together


def id_of(token: str) -> str:
    """Return the id in a key; empty: its form or its checksum is that of no key."""
    match = _FORM.fullmatch(token)
    if match is None or _checksum(token[: -CHECKSUM_CHARACTERS - 1]) != match[2]:
        return ""
    return match[1]


def _random(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))


def _checksum(text: str) -> str:
    number, out = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        out = _ALPHABET[digit] + out
    return out
