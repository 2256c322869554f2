"""OTLP over HTTP: POST /v1/traces, /v1/logs, /v1/metrics. The status says the truth about the fate.

    200  what can be kept is on disk; what cannot is counted in the answer's partial success
    400  it is not what it says it is, and never will be
    401, 403  it carries no valid key; its key may not send
    404, 405, 413, 415  wrong path or method, too large, a type or a compression that is not known
    429  its key has sent as much as it may for now
    503  nothing of it was kept, and a later try may succeed

It is plain ASGI, because the frameworks' routing costs as much as the rest of a small request.
Slow senders are the connection's business, see connection.py.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from tollbook_collector.intake.accept import Body, Busy, Door, answer, partial_success
from tollbook_collector.intake.allowance import AllowanceSpent
from tollbook_collector.intake.decompress import (
    REQUEST_BYTES_MAX,
    Damaged,
    TooLarge,
    UnknownEncoding,
)
from tollbook_collector.intake.examine import Examined, Undecodable
from tollbook_collector.intake.gate import Gate
from tollbook_collector.intake.json_reader import JsonReaderEnded
from tollbook_collector.intake.keyring import NotLetIn, ScopeMissing, TooManyFailures, presented
from tollbook_collector.intake.keys import Key
from tollbook_collector.intake.otlp_json import NotOtlpJson
from tollbook_collector.intake.signals import SIGNALS, Signal
from tollbook_collector.intake.status import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Status,
    retry_after_s,
)
from tollbook_collector.spool.append import SpoolFailed, SpoolFull

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

PATHS: Final = {signal.path: signal for signal in SIGNALS}
PROTOBUF: Final = b"application/x-protobuf"
JSON: Final = b"application/json"
# A body whose length is not announced is thought to be so long until it has come.
UNANNOUNCED_BYTES: Final = 1024 * 1024


class SenderLeft(Exception):
    """The sender closed the connection before the body was whole."""


@dataclass(frozen=True)
class Refusal:
    """Why a request was not taken, as an answer.

    Args:
        http_status: Status of HTTP.
        status: What is said.
        headers: Further headers of the answer.
    """

    http_status: int
    status: Status
    headers: Headers = ()


NEVER: Final[dict[type[Exception], int]] = {
    Damaged: 400,
    NotOtlpJson: 400,
    TooLarge: 413,
    Undecodable: 400,
    UnknownEncoding: 415,
}
NOT_LET_IN: Final = (AllowanceSpent, NotLetIn, ScopeMissing, TooManyFailures)
LATER: Final = (Busy, JsonReaderEnded, SpoolFailed, SpoolFull)


class HttpDoor:
    """The ASGI application behind the OTLP/HTTP port.

    Args:
        door: What takes the requests.
        gate: What lets senders in.
    """

    def __init__(self, door: Door, gate: Gate) -> None:
        self._door = door
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        is_json = content_type == JSON
        try:
            key = self._let_in(scope, headers)
            signal = _signal(self._door, scope, content_type)
            examined = await self._take(key, signal, is_json, headers, receive)
        except _Refused as refused:
            await self._refuse(send, refused.refusal, is_json)
        except NOT_LET_IN as error:
            await self._refuse(send, _not_let_in(error), is_json)
        except tuple(NEVER) as error:
            status = Status(INVALID_ARGUMENT, str(error))
            await self._refuse(send, Refusal(NEVER[type(error)], status), is_json)
        except LATER as error:
            after_s = retry_after_s()
            headers_after = ((b"retry-after", b"%d" % after_s),)
            refusal = Refusal(503, Status(UNAVAILABLE, str(error), after_s), headers_after)
            await self._refuse(send, refusal, is_json)
        except SenderLeft:
            self._door.count("sender_left")
        else:
            self._door.count("200")
            body = _json_answer(signal, examined) if is_json else answer(signal, examined)
            await _answer(send, 200, body, JSON if is_json else PROTOBUF)

    def _let_in(self, scope: Scope, headers: dict[bytes, bytes]) -> Key:
        token = presented(
            headers.get(b"authorization", b"").decode("latin-1"),
            headers.get(b"x-api-key", b"").decode("latin-1"),
        )
        client = scope.get("client")
        return self._gate.let_in(token, client[0] if client else "")

    async def _take(
        self,
        key: Key,
        signal: Signal,
        is_json: bool,
        headers: dict[bytes, bytes],
        receive: Receive,
    ) -> Examined:
        announced = headers.get(b"content-length", b"")
        size = UNANNOUNCED_BYTES
        if announced.isdigit():
            size = int(announced)
            if size > REQUEST_BYTES_MAX:
                raise TooLarge(f"the body has {size} B, the limit is {REQUEST_BYTES_MAX}")
        with self._door.room(size, key.tenant):
            parts = await _read(receive)
            encoding = headers.get(b"content-encoding", b"").decode("latin-1")
            body = Body(signal, parts, encoding, is_json)
            examined = await self._door.accept(key.tenant, key.id, body)
        self._gate.count(key, examined.items, len(examined.request))
        return examined

    async def _refuse(self, send: Send, refusal: Refusal, is_json: bool) -> None:
        self._door.count(str(refusal.http_status))
        body = refusal.status.json() if is_json else refusal.status.protobuf()
        # What follows on the connection may be the rest of a body that nobody read.
        closing = ((b"connection", b"close"),) if refusal.http_status == 413 else ()
        content_type = JSON if is_json else PROTOBUF
        await _answer(send, refusal.http_status, body, content_type, *refusal.headers, *closing)


class _Refused(Exception):
    """A request cannot be an export, judged by its head."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status.message)
        self.refusal = refusal


def _not_let_in(error: Exception) -> Refusal:
    if isinstance(error, NotLetIn):
        challenge = ((b"www-authenticate", b"Bearer"),)
        return Refusal(401, Status(UNAUTHENTICATED, str(error)), challenge)
    if isinstance(error, AllowanceSpent | TooManyFailures):
        after_s = error.retry_after_s
        status = Status(RESOURCE_EXHAUSTED, str(error), after_s)
        return Refusal(429, status, ((b"retry-after", b"%d" % after_s),))
    return Refusal(403, Status(PERMISSION_DENIED, str(error)))


def _signal(door: Door, scope: Scope, content_type: bytes) -> Signal:
    signal = PATHS.get(scope["path"])
    if signal is None or not door.takes(signal):
        message = f"{scope['path'][:200]} is not served here; OTLP goes to {', '.join(PATHS)}"
        raise _Refused(Refusal(404, Status(NOT_FOUND, message)))
    if scope["method"] != "POST":
        message = f"{scope['method']} is not allowed here; POST is"
        raise _Refused(Refusal(405, Status(INVALID_ARGUMENT, message), ((b"allow", b"POST"),)))
    if content_type not in (PROTOBUF, JSON):
        message = f"the content type must be {PROTOBUF.decode()} or {JSON.decode()}"
        raise _Refused(Refusal(415, Status(INVALID_ARGUMENT, message)))
    return signal


def _json_answer(signal: Signal, examined: Examined) -> bytes:
    rejected, message = partial_success(examined)
    if not message:
        return b"{}"
    words = signal.items.split("_")
    name = "rejected" + "".join(word.capitalize() for word in words)
    # OTLP/JSON writes 64-bit integers as strings.
    return json.dumps({"partialSuccess": {name: str(rejected), "errorMessage": message}}).encode()


async def _read(receive: Receive) -> list[bytes]:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderLeft
        part = message.get("body", b"")
        size += len(part)
        if size > REQUEST_BYTES_MAX:
            raise TooLarge(f"the body has more than {REQUEST_BYTES_MAX} B")
        parts.append(part)
        if not message.get("more_body", False):
            return parts


async def _answer(
    send: Send, status: int, body: bytes, content_type: bytes, *headers: tuple[bytes, bytes]
) -> None:
    all_headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
