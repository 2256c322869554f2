"""One HTTP exchange seen from a worker thread: a body to read, an answer to write.

uvicorn's loop owns the sockets, the engine's calls block. So a request's work runs on a thread
from beginning to end and reaches its client through here; each side waits for the other, and
what lies between them is never more than a piece.
"""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final, TypeVar

from tollbook_collector.store.embedded.ahead import Wanted
from tollbook_collector.store.embedded.encoding import Compressor, choose, compressor

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[str, str]]

# A body crosses from the loop to the thread in pieces of about this size.
PIECE_BYTES: Final = 1024 * 1024
# A client that neither sends nor reads for this long is given up, and its place with it.
STALL_S: Final = 300.0

_Result = TypeVar("_Result")


class ClientGone(Exception):
    """The client closed the connection, or stood still, before the exchange had ended."""


class Exchange:
    """One request's body and answer. The loop makes it, one worker thread uses it."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        loop: asyncio.AbstractEventLoop,
        accept_encoding: str,
    ) -> None:
        self._receive = receive
        self._send = send
        self._loop = loop
        self._pending = bytearray()
        self._body_ended = False
        self._compressor: Compressor | None = None
        self._encoding = choose(accept_encoding)
        self._head: Message | None = None
        self._last: Message | None = None
        self.body_ended = asyncio.Event()
        self.started = False
        self.gone = False
        # Whether the engine may be told to end the query when the client leaves: it reads only.
        self.killable = False
        # The name by which the engine knows it, as soon as it has a handle; and what the next one
        # like it will want.
        self.tag = ""
        self.again: Wanted | None = None

    async def receive_first(self) -> None:
        """Read the first piece of the body on the loop: a short body is all there then.

        A thread that asks the loop for it waits for two switches.

        Raises:
            ClientGone: If the client left before it came, or sent nothing for STALL_S.
        """
        # Not wait_for, which makes a task of what is nearly always there already.
        try:
            async with asyncio.timeout(STALL_S):
                self._pending += await self._next_piece()
        except TimeoutError:
            self.gone = True
            raise ClientGone from None

    async def send_last(self) -> None:
        """Send what `finish` has left, on the loop.

        Raises:
            ClientGone: If the client has left, or takes nothing for STALL_S.
        """
        last, self._last = self._last, None
        if last is None:
            return
        try:
            async with asyncio.timeout(STALL_S):
                await self._deliver(last)
        except (TimeoutError, OSError):
            self.gone = True
            raise ClientGone from None

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes of the body (all of it by default), b"" at its end.

        Raises:
            ClientGone: If the client left before its body was complete.
        """
        while not self._body_ended and (size < 0 or not self._pending):
            self._pending += self._wait(self._next_piece())
        taken = len(self._pending) if size < 0 else size
        piece = bytes(self._pending[:taken])
        del self._pending[:taken]
        return piece

    def start(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin the answer; `length` is that of its body in bytes, None where it is streamed."""
        if self._encoding and length != 0:
            self._compressor = compressor(self._encoding)
            self._start(status, [*headers, ("Content-Encoding", self._encoding)])
        else:
            self.start_plain(status, headers, length)

    def start_plain(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin an answer that is not compressed."""
        fields = [] if length is None else [("Content-Length", str(length))]
        self._start(status, [*headers, *fields])

    def _start(self, status: int, fields: Headers) -> None:
        message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields],
        }
        self.started = True
        self._head = message

    def write(self, data: bytes) -> None:
        """Write a piece of the answer's body.

        Raises:
            ClientGone: If the client has left.
        """
        if self._compressor is not None:
            data = self._compressor.compress(data)
        if data:
            self._wait(self._deliver(_body(data, more=True)))

    def finish(self, data: bytes = b"") -> None:
        """End the answer, with the last piece of its body: `send_last` sends it when work is done.

        A thread that waited until it is sent would be two switches more, of most answers half.
        """
        if self._last is not None:
            # What fails once an answer is whole, as a handle that is closed, does not change it.
            return
        # From here on a closed connection means an answered client, not one that left.
        self.killable = False
        if self._compressor is not None:
            data = self._compressor.compress(data) + self._compressor.flush()
        self._last = _body(data, more=False)

    async def _next_piece(self) -> bytes:
        piece = bytearray()
        while len(piece) < PIECE_BYTES:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientGone
            piece += message.get("body", b"")
            if not message.get("more_body", False):
                self._body_ended = True
                self.body_ended.set()
                break
        return bytes(piece)

    async def _deliver(self, message: Message) -> None:
        # The head goes with the first piece: each way from the thread to the loop is two switches.
        head, self._head = self._head, None
        for part in (head, message):
            if self.gone:
                raise ClientGone
            if part:
                await self._send(part)

    def _wait(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(STALL_S)
        except concurrent.futures.TimeoutError:
            future.cancel()
            self.gone = True
            raise ClientGone from None
        except (concurrent.futures.CancelledError, OSError):
            self.gone = True
            raise ClientGone from None


def _body(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}
