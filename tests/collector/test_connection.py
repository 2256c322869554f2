"""Connections: slow, silent and ambiguous senders are closed, and the others do not notice."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from gates import open_gate
from otlp_requests import Span, request

from tollbook_collector.intake import connection
from tollbook_collector.intake.accept import Door
from tollbook_collector.intake.connection import BODY_S, HEAD_S, HEADERS_MAX, Connection
from tollbook_collector.intake.http import HttpDoor
from tollbook_collector.spool.append import Spool

LONG_S = 30.0
BODY = request([Span()])
HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n"
LOOP_HELD_MAX_S = 0.05
EMPTY_SPANS = 10_000_000


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the test."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Clock:
    """The time of the connections, which passes when the test says so, and what they have heard."""

    now_s: float = 0.0
    connections: int = 0
    heard_bytes: int = 0

    def monotonic(self) -> float:
        return self.now_s

    async def until_heard(self, size: int) -> None:
        async with asyncio.timeout(LONG_S):
            while not self.connections or self.heard_bytes < size:
                await asyncio.sleep(0)


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(connection, "LOOK_S", 0.02)
    return clock


@pytest.fixture(name="port")
async def _port(tmp_path: Path, clock: Clock) -> AsyncIterator[int]:
    class Heard(Connection):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            clock.connections += 1

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            clock.heard_bytes += len(data)

    spool = Spool(tmp_path / "spool", 100_000_000, disk_free_bytes_min=0)
    door = Door({"traces": spool})
    config = uvicorn.Config(
        HttpDoor(door, open_gate()),
        port=0,
        http=Heard,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving
    door.close()
    spool.close()


async def answer_to(port: int, *parts: bytes) -> bytes:
    """Send parts on a connection and return all that comes until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), LONG_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def whole(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return HEAD + lines + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("sent", "allowed_s"),
    [
        (b"", HEAD_S),
        (b"POST /v1/tra", HEAD_S),
        (HEAD, HEAD_S),
        (HEAD + b"content-length: 100\r\n\r\nhalf", BODY_S),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhalf!\r\n", BODY_S),
    ],
    ids=["silent", "half a line", "half a head", "half a body", "half a chunked body"],
)
async def test_a_sender_that_stops_is_closed(
    port: int, clock: Clock, sent: bytes, allowed_s: float
) -> None:
    asked = asyncio.create_task(answer_to(port, sent))
    await clock.until_heard(len(sent))

    clock.now_s += allowed_s + 1.0

    assert (await asked).startswith(b"HTTP/1.1 408")


async def test_a_byte_now_and_then_does_not_extend_a_deadline(port: int, clock: Clock) -> None:
    begun = HEAD + b"x: "
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)

    for drops in range(1, 11):
        writer.write(b"y")
        await clock.until_heard(len(begun) + drops)
        clock.now_s += HEAD_S / 9
    answer = await asyncio.wait_for(reader.readline(), LONG_S)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"".join(b"h%d: v\r\n" % n for n in range(3_000)) + b"\r\n", b"431"),
        (HEAD + b"".join(b"h%d: v\r\n" % n for n in range(HEADERS_MAX)) + b"\r\n", b"431"),
        (HEAD + b"long: " + b"x" * 65_536, b"431"),
        (b"POST /" + b"p" * 65_536, b"431"),
        (HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", b"400"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n", b"400"),
        (b"\x16\x03\x01 not HTTP at all\r\n\r\n", b"400"),
    ],
    ids=["3000 headers", "one header too many", "long header", "long path", "length and chunks",
         "two lengths", "bad chunk size", "not HTTP"],
)  # fmt: skip
async def test_what_is_too_much_or_ambiguous_is_refused(
    port: int, sent: bytes, status: bytes
) -> None:
    assert (await answer_to(port, sent)).startswith(b"HTTP/1.1 " + status)


async def test_one_connection_carries_many_requests(port: int) -> None:
    last = whole(BODY, b"connection: close")

    answer = await answer_to(port, whole(BODY), whole(BODY), last)

    assert answer.count(b"HTTP/1.1 200") == 3


async def test_a_refused_body_ends_its_connection(port: int) -> None:
    announced = HEAD + b"content-length: 100000000\r\n\r\n"

    answer = await answer_to(port, announced)

    assert answer.startswith(b"HTTP/1.1 413")


async def test_silent_connections_do_not_slow_the_others(port: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    started = time.monotonic()

    answers = [await answer_to(port, whole(BODY, b"connection: close")) for _ in range(20)]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert time.monotonic() - started < LONG_S / 3
    for _, writer in silent:
        writer.close()


async def test_a_bomb_does_not_hold_the_loop(port: int) -> None:
    """10 M empty spans are 20 MB of protobuf and 20 kB of gzip; as they came they are 20 MB."""
    spans = b"\x12\x00" * EMPTY_SPANS
    scope = b"\x12\x80\xda\xc4\x09" + spans
    bomb = b"\x0a\x85\xda\xc4\x09" + scope
    compressed = await asyncio.to_thread(gzip.compress, bomb, 1)
    held: list[float] = []

    async def probe() -> None:
        # What the loop's own thread computes between two of its turns: on a busy machine the time
        # that passes says more of the other programs.
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            held.append(time.thread_time() - before)

    probing = asyncio.create_task(probe())
    answer = await answer_to(port, whole(compressed, b"content-encoding: gzip"))
    plain = await answer_to(port, whole(bomb))
    probing.cancel()

    assert answer.startswith(b"HTTP/1.1 413")
    assert plain.startswith(b"HTTP/1.1 413")
    # One turn may be the test's own; the door would hold the loop for each of its pieces.
    assert sorted(held)[-3] < LOOP_HELD_MAX_S
