"""An HTTP connection with deadlines and limits, which uvicorn's own has not.

Deadlines are absolute, so a byte a second does not extend them: a head has 10 s, a body 30 s and
what its length takes at 64 kB/s, an answer 30 s to be taken. A timer a connection looks once a
second; a request itself starts none.
"""

import asyncio
import time
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0
BODY_S: Final = 30.0
BODY_BYTES_PER_S_MIN: Final = 64_000
ANSWER_S: Final = 30.0
LOOK_S: Final = 1.0
HEAD_BYTES_MAX: Final = 32 * 1024
HEADERS_MAX: Final = 64

REASONS: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
}


class HeadTooLarge(Exception):
    """The head of a request has more headers, or is longer, than a head may be."""


class AmbiguousLength(Exception):
    """A request says its length twice, so that a proxy before this door may see another request."""


class Connection(HttpToolsProtocol):
    """One connection of a sender."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the first deadline: a connection that says nothing is one without a head."""
        super().connection_made(transport)
        self._in_head = True
        self._in_body = False
        self._since = time.monotonic()
        self._received_bytes = 0
        self._stalled_since = 0.0
        self._refused = 0
        self._look = self.loop.call_later(LOOK_S, self._look_at_deadlines)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and refuse a head that grows without an end."""
        self._received_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._received_bytes > HEAD_BYTES_MAX and not self._refused:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Start the deadline of a head."""
        super().on_message_begin()
        self._in_head = True
        self._since = time.monotonic()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, if it is not one too many."""
        if len(self.headers) >= HEADERS_MAX:
            self._refused = 431
            raise HeadTooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the deadline of a body."""
        names = [name for name, _ in self.headers]
        lengths = names.count(b"content-length")
        if lengths > 1 or (lengths and b"transfer-encoding" in names):
            self._refused = 400
            raise AmbiguousLength
        self._in_head = False
        self._in_body = True
        self._since = time.monotonic()
        self._received_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the deadline: the answer is the collector's business."""
        self._in_body = False
        self._received_bytes = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the deadline for taking an answer."""
        self._stalled_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Stop it."""
        self._stalled_since = 0.0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, or too much of it."""
        self._refuse(self._refused or 400)

    def _refuse(self, status: int) -> None:
        self._refused = status
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode())
        self.transport.close()

    def _look_at_deadlines(self) -> None:
        if self.transport.is_closing():
            # A peer that takes nothing would keep a closing connection open for ever.
            self.transport.abort()
            return
        now = time.monotonic()
        self._look = self.loop.call_later(LOOK_S, self._look_at_deadlines)
        if self._stalled_since and now - self._stalled_since > ANSWER_S:
            self.transport.abort()
        elif self._in_body:
            if now - self._since > BODY_S + self._received_bytes / BODY_BYTES_PER_S_MIN:
                self._refuse(408)
        elif self._in_head and not self._answering() and now - self._since > HEAD_S:
            self._refuse(408)

    def _answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete
