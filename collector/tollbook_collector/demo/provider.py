"""The demo's provider: a server of its own that speaks OpenAI's and Anthropic's interfaces.

Run by `python -m tollbook_collector.demo.provider --fd N`, N a listening socket of the parent's.
"""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Final

import uvicorn

from tollbook_collector.demo.answers import HEADER, Answer, answer_for, error_body, events, whole
from tollbook_collector.demo.lifeline import end_with_parent

PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/v1/chat/completions": "chat_completions",
        "/v1/responses": "responses",
        "/v1/messages": "messages",
    }
)
BODY_BYTES_MAX: Final = 16 * 2**20
BACKLOG_CONNECTIONS: Final = 256
SHUTDOWN_S: Final = 1

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BodyTooLarge(Exception):
    """A request is longer than anything that the demo asks."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, as ASGI has it."""
    api = PATHS.get(scope["path"]) if scope["type"] == "http" else None
    if api is None or scope["method"] != "POST":
        await _send_json(send, 404, {"error": {"message": "There is no such interface here."}})
        return
    try:
        body = await _read(receive)
    except BodyTooLarge as refusal:
        await _send_json(send, 413, {"error": {"message": str(refusal)}})
        return
    if body is None:
        return  # the client left
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or "model" not in asked:
        await _send_json(send, 400, {"error": {"message": "The body is no JSON with a model."}})
        return
    answer = answer_for(_header(scope), body)
    if answer.error_status is not None:
        await asyncio.sleep(answer.first_chunk_ms / 1000)
        await _send_json(send, answer.error_status, error_body(api, answer))
        return
    if asked.get("stream"):
        await _stream(send, api, asked, answer)
        return
    await asyncio.sleep(answer.duration_ms / 1000)
    await _send_json(send, 200, whole(api, asked, answer))


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request, None if the client left before its end."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request":
            return None
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"The body is over {BODY_BYTES_MAX:,} bytes; send a shorter one.")
        more = message.get("more_body", False)
    return bytes(body)


def _header(scope: Scope) -> str | None:
    name = HEADER.encode()
    return next((value.decode() for key, value in scope["headers"] if key == name), None)


async def _stream(send: Send, api: str, asked: Mapping[str, Any], answer: Answer) -> None:
    await asyncio.sleep(answer.first_chunk_ms / 1000)
    await _start(send, 200, "text/event-stream; charset=utf-8")
    contents = list(events(api, asked, answer))
    pause_s = (answer.duration_ms - answer.first_chunk_ms) / 1000 / max(len(contents) - 1, 1)
    for number, (name, content) in enumerate(contents):
        if number:
            await asyncio.sleep(max(pause_s, 0.0))
        text = content if isinstance(content, str) else json.dumps(content)
        event = f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"
        await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_json(send: Send, status: int, content: Mapping[str, Any]) -> None:
    await _start(send, status, "application/json")
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


async def _start(send: Send, status: int, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})


def main() -> int:
    """Serve until SIGTERM or until the parent is gone; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="descriptor of a listening socket of the parent's")
    where.add_argument("--port", type=int, help="port to listen on, on this machine; 0: a free one")
    arguments = parser.parse_args()
    if arguments.fd is not None:
        listener = socket.socket(fileno=arguments.fd)
        end_with_parent()
    else:
        listener = socket.create_server(("127.0.0.1", arguments.port), backlog=BACKLOG_CONNECTIONS)
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    uvicorn.Server(config).run([listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
