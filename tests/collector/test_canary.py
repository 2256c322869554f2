"""The canary: what it finds when spans are refused, late, missing or doubled."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from gates import PEPPER

from tollbook_collector.intake.accept import Door
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.connection import Connection
from tollbook_collector.intake.gate import Gate
from tollbook_collector.intake.http import HttpDoor
from tollbook_collector.intake.keyring import CANARY_TENANT, Keyring
from tollbook_collector.intake.keys import INGEST, new_key
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import envelopes
from tollbook_collector.store.canary import AGAIN_S, LATE_S, MISSING_S, Canary
from tollbook_collector.store.canary_post import through_door, through_socket

LONG_S = 30.0


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Seen:
    """A store in which each span is as often as it is said."""

    def __init__(self) -> None:
        self.copies = 1

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        assert parameters is not None
        assert parameters["tenant"] == CANARY_TENANT
        return [(span_id, self.copies) for span_id in parameters["ids"] if self.copies]


class Cage:
    """A canary with a real door and spool, a clock, and a store that says what it is told."""

    def __init__(self, directory: Path, full: bool = False) -> None:
        free_min = 2**62 if full else 0
        self.spool = Spool(directory, 10**8, segment_age_max_s=0.01, disk_free_bytes_min=free_min)
        self.ring = Keyring(PEPPER)
        key, _ = new_key(PEPPER, "acme", (INGEST,))
        self.ring.put({key.id: key})
        self.clock, self.store, self.waiting = Clock(), Seen(), False
        self.canary = Canary(
            lambda: self.store, self.ring.canary_token, lambda: self.waiting, self.clock
        )
        self._door = Door({"traces": self.spool})
        self.door = HttpDoor(self._door, Gate(self.ring, Allowance()))

    async def sing(self, after_s: float = 0.0) -> dict[str, int]:
        self.canary.attach(through_door(self.door, asyncio.get_running_loop()))
        self.clock.now += after_s
        await asyncio.to_thread(self.canary.sing)
        return {name: number for name, number in self.canary.counts().items() if number}

    def close(self) -> None:
        self._door.close()
        self.spool.close()


@contextlib.asynccontextmanager
async def listening(door: HttpDoor) -> AsyncIterator[int]:
    """Serve a door as the collector does, and yield its port."""
    config = uvicorn.Config(
        door, port=0, http=Connection, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture(name="cage")
def _cage(tmp_path: Path) -> Any:
    cage = Cage(tmp_path)
    yield cage
    cage.close()


async def test_a_span_goes_through_the_door_as_a_tenant_of_its_own(cage: Cage) -> None:
    assert await cage.sing() == {"sent": 1, "seen": 1}

    segment = cage.spool.claim(LONG_S)
    assert segment is not None
    found = list(envelopes(segment.path.read_bytes()))
    assert [(envelope.tenant, envelope.spans) for envelope in found] == [(CANARY_TENANT, 1)]


async def test_a_span_that_does_not_come_is_late_and_then_missing(cage: Cage) -> None:
    cage.store.copies = 0
    await cage.sing()

    late = await cage.sing(LATE_S + 1)
    missing = await cage.sing(MISSING_S)

    assert late == {"sent": 2, "late": 1}
    assert missing == {"sent": 3, "late": 2, "missing": 1}
    assert cage.canary.faults() == ["1 of the canary's spans are missing"]


async def test_what_waits_for_a_store_that_is_away_is_late_and_not_missing(cage: Cage) -> None:
    cage.store.copies, cage.waiting = 0, True
    await cage.sing()

    await cage.sing(MISSING_S + 1)
    cage.store.copies, cage.waiting = 1, False
    counts = await cage.sing()

    assert counts == {"sent": 3, "seen": 3, "late": 1}
    assert cage.canary.faults() == []


async def test_a_span_that_is_there_twice_is_found_although_it_was_seen_once(cage: Cage) -> None:
    await cage.sing()
    cage.store.copies = 2

    counts = await cage.sing(AGAIN_S - 1)

    assert counts["doubled"] == 2
    assert "stored twice" in cage.canary.faults()[0]


async def test_a_span_goes_through_the_socket_that_senders_use(cage: Cage) -> None:
    async with listening(cage.door) as port:
        cage.canary.attach(through_socket(f"http://127.0.0.1:{port}"))
        await asyncio.to_thread(cage.canary.sing)

    assert (cage.canary.counts()["sent"], cage.spool.counts().spans) == (1, 1)


async def test_a_socket_that_does_not_answer_is_a_refusal(cage: Cage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    cage.canary.attach(through_socket(f"http://127.0.0.1:{port}"))

    await asyncio.to_thread(cage.canary.sing)

    assert cage.canary.counts()["refused"] == 1


async def test_a_door_that_refuses_is_counted(tmp_path: Path) -> None:
    cage = Cage(tmp_path / "full", full=True)

    counts = await cage.sing()
    cage.close()

    assert counts == {"refused": 1}
