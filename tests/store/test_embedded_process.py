"""The store's process: one owner, started again when it dies, gone when its parent is."""

import http.client
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tollbook_collector.store.embedded import process as process_module
from tollbook_collector.store.embedded.address import StoreAddress, listen_on
from tollbook_collector.store.embedded.directory import (
    AlreadyOwned,
    SecretExposed,
    StoreDirectory,
)
from tollbook_collector.store.embedded.process import EmbeddedStore, StoreFailedToStart

from .conftest import TIMEOUT_S, exchange, until

MODULE = "tollbook_collector.store.embedded"
BATCH_ROWS = 200
PARENT = f"""
import sys, threading
from pathlib import Path
from {MODULE}.process import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]))
store.start()
print(store.pid, flush=True)
threading.Event().wait()
"""
ALONE = f"""
import sys
from pathlib import Path
from {MODULE}.standalone import serve
sys.exit(serve(Path(sys.argv[1]), "127.0.0.1:0"))
"""
# A parent whose kernel, and so its child's, knows no Landlock: seccomp refuses the call.
WITHOUT_LANDLOCK = f"""
import ctypes, platform, sys
from dataclasses import replace
from pathlib import Path
from {MODULE} import sandbox
from {MODULE}.process import EmbeddedStore
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.prctl(38, 1, 0, 0, 0)
machine = platform.machine()
sandbox._ARCHITECTURES[machine] = replace(sandbox._ARCHITECTURES[machine], refused=(444,))
sandbox._refuse_calls(libc)
with EmbeddedStore(Path(sys.argv[1])) as store:
    print(store.address.sandboxed)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "store") as store:
        yield store


@contextmanager
def ending(pid: int) -> Iterator[None]:
    """Wait at the end until the process is gone, whoever's child it is."""
    descriptor = os.pidfd_open(pid)
    try:
        yield
        ready, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
        assert ready, f"process {pid} still runs"
    finally:
        os.close(descriptor)


def kill(store: EmbeddedStore) -> None:
    assert store.pid is not None
    with ending(store.pid):
        os.kill(store.pid, signal.SIGKILL)


def test_killed_amid_inserts_it_comes_back_with_every_acknowledged_row_once(
    store: EmbeddedStore,
) -> None:
    ask, wanted, address = exchange(store), 60, store.address
    ask(
        "POST",
        b"CREATE TABLE load (a Int64, batch Int64) ENGINE = MergeTree ORDER BY a "
        b"SETTINGS non_replicated_deduplication_window = 1000",
    )
    halfway = threading.Event()
    acknowledged: list[int] = []

    def insert(batch: int) -> bool:
        body = b"".join(b"%d\t%d\n" % (row, batch) for row in range(BATCH_ROWS))
        token = {"insert_deduplication_token": f"batch-{batch}"}
        try:
            return ask("POST", body, query="INSERT INTO load FORMAT TSV", **token).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def load() -> None:
        for batch in range(wanted):
            while not insert(batch):
                pass
            acknowledged.append(batch)
            if batch == wanted // 2:
                halfway.set()

    thread = threading.Thread(target=load)
    thread.start()
    halfway.wait(TIMEOUT_S)
    kill(store)
    thread.join()

    counted = ask("POST", b"SELECT count(), uniqExact(batch), uniqExact(a, batch) FROM load").body
    assert acknowledged == list(range(wanted))
    assert counted == f"{wanted * BATCH_ROWS}\t{wanted}\t{wanted * BATCH_ROWS}\n".encode()
    # An engine that fails to open at once is started again: what counts is that it came back.
    assert store.restarts >= 1
    assert store.address == address
    assert until(lambda: store.healthy)


def test_a_connection_made_while_it_is_away_waits_instead_of_being_refused(
    store: EmbeddedStore,
) -> None:
    kill(store)

    reply = exchange(store)("POST", b"SELECT 1")

    assert reply.body == b"1\n"
    assert store.restarts == 1


def test_a_store_that_cannot_come_back_is_unhealthy_and_still_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process_module, "RESTART_FIRST_S", 0.01)
    monkeypatch.setattr(process_module, "RESTART_LAST_S", 0.02)
    with EmbeddedStore(tmp_path / "store") as store:
        secret = tmp_path / "store" / "secret"
        secret.chmod(0o644)  # the process refuses to start with a password that others can read
        kill(store)
        tried = until(lambda: store.restarts > process_module.FAILURES_MAX)
        unhealthy = not store.healthy

        secret.chmod(0o600)

        assert tried
        assert unhealthy
        assert until(lambda: store.healthy)
        assert exchange(store)("POST", b"SELECT 1").body == b"1\n"
        assert "ended with status SIGKILL; restart 1" in caplog.text


def test_a_second_owner_is_told_who_the_first_one_is(store: EmbeddedStore, tmp_path: Path) -> None:
    path = tmp_path / "store"

    second = subprocess.run(
        [sys.executable, "-m", MODULE, "--path", str(path), "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert second.returncode == 3
    assert len(second.stderr.splitlines()) == 1
    assert f"{path} is already owned by process {store.pid}" in second.stderr


def test_a_second_store_in_the_same_directory_does_not_start(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    with pytest.raises(AlreadyOwned, match=f"process {store.pid}"):
        EmbeddedStore(tmp_path / "store").start()

    assert exchange(store)("POST", b"SELECT 1").body == b"1\n"


def test_the_death_of_its_parent_ends_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        with ending(pid):
            parent.kill()


def test_without_landlock_it_says_so_once_and_reports_it(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_LANDLOCK, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    assert ran.stdout == "False\n"
    assert ran.stderr.count("runs without its sandbox, for want of Landlock") == 1


def test_stopping_finishes_an_insert_that_runs(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.start()
    exchange(store)("POST", b"CREATE TABLE last (a Int64) ENGINE = MergeTree ORDER BY a")
    slow = (
        b"INSERT INTO last SELECT sleepEachRow(0.05) FROM numbers(60) SETTINGS max_block_size = 1"
    )
    with ThreadPoolExecutor(1) as thread:
        inserting = thread.submit(exchange(store), "POST", slow)
        writing = b"SELECT countIf(query LIKE 'INSERT INTO last%') FROM system.processes"
        assert until(lambda: exchange(store)("POST", writing).body == b"1\n")

        store.stop()

        assert inserting.result().status == 200
    with EmbeddedStore(tmp_path / "store") as again:
        counted = exchange(again)("POST", b"SELECT count() FROM last").body
    assert counted == b"60\n"


def test_it_keeps_its_rows_and_its_password_over_a_stop(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "store") as store:
        password = store.address.password
        exchange(store)("POST", b"CREATE TABLE kept (a Int8) ENGINE = MergeTree ORDER BY a")
        exchange(store)("POST", b"INSERT INTO kept VALUES (7)")

    with EmbeddedStore(tmp_path / "store") as store:
        assert store.address.password == password
        assert exchange(store)("POST", b"SELECT a FROM kept").body == b"7\n"


def test_run_alone_it_says_how_to_connect_and_stops_on_a_signal(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ALONE, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    ) as alone:
        assert alone.stdout is not None
        screen = []
        for line in alone.stdout:
            screen.append(line)
            if line.startswith("Stop it"):
                break
        text = "".join(screen)
        alone.terminate()
        status = alone.wait(TIMEOUT_S)

    assert status == 0
    assert "http://127.0.0.1:" in text
    assert str(tmp_path / "store" / "secret") in text
    assert StoreDirectory(tmp_path / "store").prepare() not in text
    assert len(screen) <= 24


def test_started_by_hand_it_forgets_the_environment_it_was_started_with(tmp_path: Path) -> None:
    directory = StoreDirectory(tmp_path / "store")
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, "--path", str(directory.path), "--listen", "127.0.0.1:0"],
        env={**os.environ, "API_KEY_OF_SOMEBODY": "x"},
    ) as process:
        assert until(lambda: directory.owner_pid() == process.pid)
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        process.terminate()
        process.wait(TIMEOUT_S)

    assert b"API_KEY_OF_SOMEBODY" not in environment


def test_a_password_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    directory = StoreDirectory(tmp_path / "store")
    directory.prepare()
    directory.secret_file.chmod(0o640)

    with pytest.raises(SecretExposed, match="mode 0640"):
        EmbeddedStore(directory.path).start()


def test_a_directory_that_is_a_file_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FileExistsError):
        EmbeddedStore(tmp_path / "file").start()


def test_an_engine_that_cannot_open_its_data_fails_with_a_sentence(tmp_path: Path) -> None:
    directory = StoreDirectory(tmp_path / "store")
    directory.prepare()
    (directory.data / "status").mkdir()  # where the engine wants a file

    with pytest.raises(StoreFailedToStart, match="ended with status"):
        EmbeddedStore(directory.path).start()


def test_a_crash_before_the_first_answer_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = EmbeddedStore(tmp_path / "store")
    starting = threading.Thread(target=store.start)
    starting.start()
    try:
        assert until(lambda: store.pid is not None)
        os.kill(store.pid or 0, signal.SIGKILL)
        starting.join()
        assert store.healthy
        assert store.restarts == 1
        assert "ended with status SIGKILL before it answered" in caplog.text
    finally:
        starting.join()
        store.stop()


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_named(listen: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        listen_on(listen)


def test_an_address_does_not_show_its_password() -> None:
    address = StoreAddress("http://127.0.0.1:1", "default", "very-secret", sandboxed=True)

    assert "very-secret" not in repr(address)
