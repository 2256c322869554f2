"""How the canary's span is sent: through the socket that senders use.

Where that asks senders for a certificate, which the collector does not have, it is given to the
door behind the socket.
"""

import asyncio
import http.client
import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from tollbook_collector.intake.http import PROTOBUF, HttpDoor
from tollbook_collector.intake.signals import TRACES

SEND_TIMEOUT_S: Final = 10.0
# Where one listens on all addresses, this one is among them.
LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}

# Sends a request with a key and returns the status of the answer; 0: there was none.
Post = Callable[[bytes, str], int]


def through_socket(url: str, certificate: str = "") -> Post:
    """Return how a request is sent to a collector's own address.

    Args:
        url: As http://127.0.0.1:4318; https where it shows a certificate.
        certificate: File of that certificate, which is trusted under any name.
    """
    address = urlsplit(url)
    host = LOOPBACK.get(address.hostname or "", address.hostname or "")
    context: ssl.SSLContext | None = None
    if address.scheme == "https":
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    def post(body: bytes, token: str) -> int:
        connection = (
            http.client.HTTPSConnection(host, address.port, timeout=SEND_TIMEOUT_S, context=context)
            if context
            else http.client.HTTPConnection(host, address.port, timeout=SEND_TIMEOUT_S)
        )
        headers = {"content-type": PROTOBUF.decode(), "authorization": f"Bearer {token}"}
        try:
            connection.request("POST", TRACES.path, body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    return post


def through_door(door: HttpDoor, loop: asyncio.AbstractEventLoop) -> Post:
    """Return how a request is given to a door that runs in a loop."""

    def post(body: bytes, token: str) -> int:
        sending = asyncio.run_coroutine_threadsafe(_post(door, body, token), loop)
        try:
            return sending.result(SEND_TIMEOUT_S)
        except TimeoutError:
            sending.cancel()
            return 0

    return post


async def _post(door: HttpDoor, body: bytes, token: str) -> int:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-type", PROTOBUF), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "POST", "path": TRACES.path, "headers": headers}
    await door(scope, receive, send)
    return statuses[0] if statuses else 0
