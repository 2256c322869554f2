"""A session of the pages: a cookie that says who was let in, signed, and dead with what let it in.

The cookie is `BODY.SIGNATURE`, both base64url: BODY is JSON, SIGNATURE its HMAC-SHA-256 under a
secret made from the keys' pepper, so that collectors which share keys share sessions. It holds no
secret of a key: each request looks up the key, or the grant, that the session came from.
"""

import base64
import binascii
import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from typing import Final

from tollbook_collector.intake.keys import Pepper

SESSION_S: Final = 8 * 3600
# Sessions that were ended before their time and are remembered; the oldest is forgotten first.
ENDED_MAX: Final = 100_000
COOKIE_CHARACTERS_MAX: Final = 4_096
# The prefix makes browsers refuse it from another host or without TLS.
SECURE_COOKIE: Final = "__Host-tollbook"
PLAIN_COOKIE: Final = "tollbook_session"


@dataclass(frozen=True)
class Session:
    """Who was let in, and by what.

    Args:
        id: Random; the CSRF token is made from it.
        key: Id of the key that was presented; empty: a person came from an identity provider.
        grant: What lets the person in, as the section [login] digests it; empty: a key did.
        name: Of the person, for people; empty: that of the key counts.
        expires_at: Seconds since 1970.
    """

    id: str
    key: str = ""
    grant: str = ""
    name: str = ""
    expires_at: int = 0


def begun(session: Session) -> Session:
    """Return a session with an id of its own, that ends in SESSION_S."""
    return replace(session, id=secrets.token_hex(16), expires_at=int(time.time()) + SESSION_S)


def sealed(pepper: Pepper, session: Session) -> str:
    """Return the cookie of a session."""
    return signed(pepper, json.dumps(asdict(session)))


def unsealed(pepper: Pepper, cookie: str) -> Session | None:
    """Return the session of a cookie; None: it is none of ours, or over."""
    try:
        session = Session(**json.loads(unsigned(pepper, cookie)))
    except (ValueError, TypeError):
        # Nothing that we signed, or of another version.
        return None
    return session if session.expires_at > time.time() else None


def signed(pepper: Pepper, text: str) -> str:
    """Return a cookie that holds a text and cannot be made by others."""
    body = _encode(text.encode())
    return f"{body}.{_signature(pepper, body)}"


def unsigned(pepper: Pepper, cookie: str) -> str:
    """Return the text in a cookie; empty: we did not sign it."""
    body, _, signature = cookie.partition(".")
    if len(cookie) > COOKIE_CHARACTERS_MAX or not cookie.isascii():
        return ""
    if not hmac.compare_digest(signature, _signature(pepper, body)):
        return ""
    try:
        return _decode(body).decode()
    except (binascii.Error, ValueError):
        return ""


def csrf_token(pepper: Pepper, session: Session) -> str:
    """Return what a form of a session has to carry, which no other site can know."""
    return hmac.digest(_secret(pepper), f"csrf {session.id}".encode(), "sha256").hex()


class EndedSessions:
    """Sessions that people ended, until they would have ended by themselves."""

    def __init__(self) -> None:
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, session: Session) -> None:
        """Let a session be over."""
        with self._lock:
            self._ended[session.id] = session.expires_at
            while len(self._ended) > ENDED_MAX:
                self._ended.popitem(last=False)

    def __contains__(self, session: Session) -> bool:
        return session.id in self._ended


def _secret(pepper: Pepper) -> bytes:
    return hmac.digest(pepper.value, b"tollbook session", "sha256")


def _signature(pepper: Pepper, body: str) -> str:
    return _encode(hmac.digest(_secret(pepper), body.encode(), "sha256"))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
