"""The keyring: whether who calls is let in, from memory, on every request.

Without any key the collector is open, as one tenant, on this machine only. As soon as there is a
key, every request needs one, also when all of them are revoked or expired.

A refusal says the same, and takes the same work, whether the key is unknown, wrong, expired or
revoked. Too many refusals of one source are answered 429. A right key always passes: its 256 bits
cannot be guessed, and senders behind one proxy must not lock each other out.
"""

import hmac
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from tollbook_collector.intake.keys import INGEST, SCOPES, Key, Pepper, id_of, new_key
from tollbook_collector.settings import OPEN_TENANT

# The tenant of the collector's own test spans; no key can name it.
CANARY_TENANT: Final = "_canary"
FAILURES_MAX: Final = 20
FAILURES_WINDOW_S: Final = 60.0
# Sources whose failures are remembered; the longest quiet is forgotten first.
SOURCES_MAX: Final = 10_000
TOKEN_CHARACTERS_MAX: Final = 256
REFUSED: Final = "a valid key is needed: send it as `authorization: Bearer KEY` or `x-api-key: KEY`"

_NOBODY: Final = datetime(2000, 1, 1, tzinfo=UTC)
OPEN_KEY: Final = Key("", OPEN_TENANT, "open", SCOPES, "", "", _NOBODY)


class NotLetIn(Exception):
    """A request carries no key that is valid now."""


class ScopeMissing(Exception):
    """A key is valid, and may not do what was asked."""


class TooManyFailures(Exception):
    """A source presented wrong keys so often that it has to wait.

    Args:
        retry_after_s: How long.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests without a valid key; wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Keyring:
    """The keys in force.

    Args:
        pepper: Under which their digests were made.
    """

    def __init__(self, pepper: Pepper) -> None:
        self.pepper = pepper
        self._keys: Mapping[str, Key] = {}
        # How many tenants may send.
        self.senders = 1
        self._nothing = pepper.digest(secrets.token_hex())
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._refused: Counter[str] = Counter()
        canary, self.canary_token = new_key(pepper, "canary", (INGEST,), "the collector itself")
        self._canary = replace(canary, tenant=CANARY_TENANT)

    def put(self, keys: Mapping[str, Key]) -> None:
        """Let these be the keys, by their id."""
        self._keys = dict(keys)
        self.senders = len(self.tenants())

    @property
    def open(self) -> bool:
        """Whether there are no keys, so that everybody on this machine is let in."""
        return not self._keys

    def keys(self) -> Mapping[str, Key]:
        """Return the keys by id, also those that are revoked or expired."""
        return self._keys

    def tenants(self) -> list[str]:
        """Return the tenants that may send, in order; an open collector has one."""
        if self.open:
            return [OPEN_TENANT]
        return sorted({key.tenant for key in self._keys.values() if INGEST in key.scopes})

    def check(self, token: str, scope: str, source: str) -> Key:
        """Return the key that a request is let in by.

        Args:
            token: What the request carries; empty: nothing.
            scope: What it wants to do.
            source: Where it comes from: the address of the other end.

        Raises:
            NotLetIn: It has no valid key.
            ScopeMissing: Its key may not do that.
            TooManyFailures: It has none, and its source had none too often.
        """
        key_id = id_of(token) if len(token) <= TOKEN_CHARACTERS_MAX else ""
        key = self._canary if key_id == self._canary.id else self._keys.get(key_id)
        # One digest and one comparison whatever is known, so that time tells nothing.
        given = self.pepper.digest(token[:TOKEN_CHARACTERS_MAX])
        right = hmac.compare_digest(given, key.digest if key else self._nothing)
        if right and key is self._canary:
            return key
        if self.open:
            return OPEN_KEY
        if key is None or not right:
            reason = "none" if not token else "wrong" if key else "unknown"
            raise self._failure(reason, source)
        state = key.state(datetime.now(UTC))
        if state != "active":
            raise self._failure(state, source)
        if not key.allows(scope):
            self._count("scope")
            raise ScopeMissing(
                f"the key {key.id} has the scope {' and '.join(key.scopes)}; this needs {scope}"
            )
        return key

    def active(self, key_id: str) -> Key | None:
        """Return the key of an id; None: there is none that is valid now."""
        key = self._keys.get(key_id)
        return key if key is not None and key.state(datetime.now(UTC)) == "active" else None

    def refused(self) -> dict[str, int]:
        """Return how many requests were not let in since the start, by reason."""
        with self._lock:
            return dict(sorted(self._refused.items()))

    def _failure(self, reason: str, source: str) -> NotLetIn | TooManyFailures:
        self._count(reason)
        if reason == "none":
            # Nothing was guessed: a browser opens all its tabs again when its session is over.
            return NotLetIn(REFUSED)
        now = time.monotonic()
        with self._lock:
            since, failures = self._failures.pop(source, (now, 0))
            if now - since > FAILURES_WINDOW_S:
                since, failures = now, 0
            self._failures[source] = (since, failures + 1)
            if len(self._failures) > SOURCES_MAX:
                self._failures.popitem(last=False)
        if failures < FAILURES_MAX:
            return NotLetIn(REFUSED)
        return TooManyFailures(max(1, round(since + FAILURES_WINDOW_S - now)))

    def _count(self, reason: str) -> None:
        with self._lock:
            self._refused[reason] += 1


def presented(authorization: str, x_api_key: str) -> str:
    """Return the key that the two headers (or entries of gRPC metadata) carry; empty: none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else x_api_key.strip()
