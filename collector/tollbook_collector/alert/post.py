"""Sends one request to a webhook: to a checked address, within a time, reading little back."""

import contextlib
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tollbook_collector.alert.address import (
    AddressRefused,
    Network,
    Resolve,
    Target,
    connect,
    resolve,
)

CONNECT_S: Final = 5.0
# From the first byte sent to the last byte read, whatever the receiver does.
TOTAL_S: Final = 15.0
ANSWER_BYTES_MAX: Final = 64 * 1024
SAID_CHARACTERS_MAX: Final = 200
RETRY_AFTER_S_MAX: Final = 24 * 3600


@dataclass(frozen=True)
class Outcome:
    """What became of one try.

    Args:
        status: Of HTTP; 0: there was none.
        error: Why it failed; empty: delivered.
        retry_after_s: When the receiver wants the next try; None: it did not say.
        refused: It was not sent at all, because it may not go there.
    """

    status: int
    error: str
    retry_after_s: float | None = None
    refused: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return not self.error


def post(
    where: Target,
    networks: Sequence[Network],
    body: bytes,
    headers: Mapping[str, str],
    ports: Sequence[int] = (),
    resolver: Resolve = resolve,
    total_s: float = TOTAL_S,
) -> Outcome:
    """Send a body by POST and return what came of it; redirects are failures and never followed."""
    try:
        connection = connect(where, networks, min(CONNECT_S, total_s), resolver, ports)
    except AddressRefused as refusal:
        return Outcome(0, str(refusal), refused=True)
    except OSError as error:
        return Outcome(0, f"{where.host} cannot be reached: {_reason(error)}")
    # A receiver that sends a byte now and then would pass every timeout of a read.
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)

    deadline = threading.Timer(total_s, cut)
    deadline.daemon = True
    deadline.start()
    try:
        connection.settimeout(total_s)
        if where.scheme == "https":
            tls = ssl.create_default_context()
            connection = tls.wrap_socket(
                connection, server_hostname=where.host, do_handshake_on_connect=False
            )
            connection.do_handshake()
        outcome = _exchange(connection, where, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        outcome = Outcome(0, f"no answer, or a broken one: {_reason(error)}")
    finally:
        deadline.cancel()
        connection.close()
    # An answer that was cut off may look like a whole one.
    return Outcome(0, f"no whole answer within {total_s:g} s") if late.is_set() else outcome


def _exchange(
    connection: socket.socket, where: Target, body: bytes, headers: Mapping[str, str]
) -> Outcome:
    client = http.client.HTTPConnection(where.host, where.port)
    client.sock = connection
    given = {"host": where.authority, "user-agent": "tollbook", "content-type": "application/json"}
    client.request("POST", where.path, body, {**given, **headers})
    answer = client.getresponse()
    said = _said(answer.read(ANSWER_BYTES_MAX))
    if 200 <= answer.status < 300:
        return Outcome(answer.status, "")
    if 300 <= answer.status < 400:
        return Outcome(answer.status, f"answered {answer.status}; redirects are not followed")
    return Outcome(
        answer.status,
        f"answered {answer.status}{': ' if said else ''}{said}",
        _retry_after(answer.getheader("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    if value is None or not re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return None
    return float(min(int(value), RETRY_AFTER_S_MAX))


def _said(answer: bytes) -> str:
    """Return the beginning of an answer for the log: printable, and without what looks signed."""
    text = answer[: 4 * SAID_CHARACTERS_MAX].decode(errors="replace")
    text = "".join(character if character.isprintable() else " " for character in text)
    text = re.sub(r"(?i)(whsec_|v1,)[A-Za-z0-9+/=_-]{8,}", r"\1…", text)
    return " ".join(text.split())[:SAID_CHARACTERS_MAX]


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:SAID_CHARACTERS_MAX]
