"""What a statement cannot do to the machine, whatever it says."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tollbook_collector.store.embedded.__main__ import MODULE
from tollbook_collector.store.embedded.limits import limits_of_this_machine
from tollbook_collector.store.embedded.process import EmbeddedStore
from tollbook_collector.store.embedded.sandbox import clean_environment

from .conftest import Ask

pytestmark = pytest.mark.skipif(
    not Path("/sys/kernel/security/lsm").exists() and not Path("/proc/sys/kernel").exists(),
    reason="no Linux",
)


class Canary:
    """A listener that counts who comes."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.visits = 0
        self.thread = threading.Thread(target=self.count)
        self.thread.start()

    def count(self) -> None:
        while True:
            visitor, _ = self.listener.accept()
            said = visitor.recv(5)
            visitor.close()
            if said == b"leave":
                return
            self.visits += 1

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"leave")
        self.thread.join()
        self.listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that anyone may read and write, but for the store."""
    tmp_path.chmod(0o777)
    path = tmp_path / "outside.txt"
    path.write_text("untouched")
    path.chmod(0o666)
    return path


def test_the_store_says_that_it_is_sandboxed(embedded_store: EmbeddedStore, ask: Ask) -> None:
    assert embedded_store.address.sandboxed
    assert ask("POST", b"SELECT 1").headers["x-tollbook-sandboxed"] == "1"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT file('{path}')",
        "SELECT * FROM file('{path}', 'LineAsString')",
        "SELECT * FROM file('{path}', 'RawBLOB', 's String')",
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        *("outside", "/etc/passwd", "secret", "/proc/self/environ", "/proc/self/maps"),
        *("/proc/1/environ", "/proc/thread-self/root/etc/passwd"),
    ],
)
def test_no_file_outside_can_be_read(
    client: Client, embedded_store: EmbeddedStore, outside: Path, statement: str, place: str
) -> None:
    directory = data_directory(embedded_store)
    path = {"outside": str(outside), "secret": f"{directory}/secret"}.get(place, place)

    with pytest.raises(DatabaseError, match=r"Permission denied|not allowed") as caught:
        client.query(statement.format(path=path))

    assert "untouched" not in str(caught.value)
    assert Path(path).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 INTO OUTFILE '{path}'",
        "SELECT 1 INTO OUTFILE '{path}' TRUNCATE",
        "INSERT INTO FUNCTION file('{path}', 'CSV', 'a Int8') SELECT 1",
        "INSERT INTO FUNCTION file('{path}.new', 'CSV', 'a Int8') SELECT 1",
    ],
)
def test_no_file_outside_can_be_written(client: Client, outside: Path, statement: str) -> None:
    with pytest.raises(DatabaseError):
        client.command(statement.format(path=outside))

    assert outside.read_text() == "untouched"
    assert [entry.name for entry in outside.parent.iterdir()] == ["outside.txt"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM url('http://127.0.0.1:{port}/', 'CSV', 'a String')",
        "DESCRIBE url('http://127.0.0.1:{port}/x.csv')",
        "INSERT INTO FUNCTION url('http://127.0.0.1:{port}/', 'CSV', 'a String') SELECT 'x'",
        "SELECT * FROM remote('127.0.0.1:{port}', 'system.one')",
        "SELECT * FROM mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
        "SELECT * FROM s3('http://127.0.0.1:{port}/b/k', 'CSV', 'a String')",
    ],
)
def test_nothing_outside_can_be_connected_to(
    client: Client, canary: Canary, statement: str
) -> None:
    quickly = {"http_max_tries": 1, "s3_max_connections": 1, "s3_retry_attempts": 0}

    with pytest.raises(DatabaseError):
        client.command(statement.format(port=canary.port), settings=quickly)

    assert canary.visits == 0


def test_no_program_can_be_started(client: Client) -> None:
    client.command(
        "CREATE OR REPLACE DICTIONARY programs (a UInt64, b String) PRIMARY KEY a "
        "SOURCE(EXECUTABLE(command 'id' format 'TSV')) LAYOUT(FLAT()) LIFETIME(0)"
    )

    with pytest.raises(DatabaseError):
        client.query("SELECT dictGet('programs', 'b', toUInt64(0))")

    client.command("DROP DICTIONARY programs")


def test_the_process_is_held_by_the_kernel_and_knows_no_secrets_of_its_parent(
    embedded_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Path(f"/proc/{embedded_store.pid}")
    status = (process / "status").read_text()
    environment = (process / "environ").read_bytes()
    limits = (process / "limits").read_text()

    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "Umask:\t0077" in status
    assert b"\0PATH=" not in b"\0" + environment
    assert "Max core file size        0 " in limits


def test_a_thread_of_the_engine_may_read_what_it_has_used(client: Client) -> None:
    """An exception is thrown, traced and caught for each thread that may not."""
    refused = "SELECT sum(value) FROM system.errors WHERE name = 'CANNOT_OPEN_FILE'"
    before = client.query(refused).first_row

    client.query("SELECT sum(sipHash64(number)) FROM numbers_mt(1000000)")

    assert client.query(refused).first_row == before


def test_the_kernels_random_numbers_are_the_only_device_that_can_be_read(tmp_path: Path) -> None:
    """The engine wants some for each request, and has a dearer way without."""
    reading = """
import sys
from pathlib import Path
from tollbook_collector.store.embedded import sandbox
sandbox.enter([Path(sys.argv[1])])
print(len(open("/dev/urandom", "rb", 0).read(8)))
for name in ("/dev/zero", "/dev/random"):
    try:
        open(name, "rb")
    except PermissionError:
        print("refused")
"""

    said = subprocess.run(
        [sys.executable, "-P", "-c", reading, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "8\nrefused\nrefused\n"


def test_the_engine_finds_its_auxiliary_vector_behind_the_environment(tmp_path: Path) -> None:
    """It has no /proc to look in, and where a variable was set that place is the heap."""
    walk = """
import ctypes
from tollbook_collector.store.embedded import sandbox
sandbox.limit_process()
library = ctypes.CDLL(None)
library.getauxval.restype = ctypes.c_ulong
words = ctypes.cast(ctypes.c_void_p.in_dll(library, "environ"), ctypes.POINTER(ctypes.c_ulong))
start = next(position for position in range(1000) if not words[position]) + 1
page_size = next(words[at + 1] for at in range(start, start + 100, 2) if words[at] == 6)
print(page_size == library.getauxval(6))
"""
    environment = {"TZ": "UTC", "AWS_SECRET_ACCESS_KEY": "x"}  # and no locale

    said = subprocess.run(
        [sys.executable, "-P", "-c", walk],
        env=clean_environment(environment, tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "True\n"
    assert clean_environment(environment, tmp_path).keys() == {
        *("TZ", "JE_MALLOC_CONF", "TMPDIR", "PYTHONCOERCECLOCALE")
    }


def test_a_folder_whose_code_runs_at_each_start_is_not_in_the_stores_path(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").touch()
    environment = {"PYTHONPATH": f"{tmp_path}:/opt/libraries"}

    assert clean_environment(environment, tmp_path)["PYTHONPATH"] == "/opt/libraries"
    assert "PYTHONPATH" not in clean_environment({"PYTHONPATH": str(tmp_path)}, tmp_path)


def test_an_environment_that_changes_at_each_start_is_refused_by_its_name(tmp_path: Path) -> None:
    """It started anew without end."""
    environment = {**clean_environment(os.environ, tmp_path / "tmp"), "RESTLESS": "1"}

    said = subprocess.run(
        [*(sys.executable, "-P", "-m", MODULE), "--path", str(tmp_path), "--anew"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode == 2
    assert "changes RESTLESS" in said.stderr


def test_the_directory_and_its_secret_are_the_owners_alone(embedded_store: EmbeddedStore) -> None:
    directory = data_directory(embedded_store)

    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "secret").stat().st_mode & 0o777 == 0o600
    assert (directory / "secret").read_text().strip() == embedded_store.address.password


def test_the_engine_is_bounded(client: Client) -> None:
    limits = limits_of_this_machine()
    wanted = limits.server_settings()

    rows = client.query(
        "SELECT name, toUInt64(value) FROM system.server_settings WHERE name IN {n:Array(String)}",
        parameters={"n": sorted(wanted)},
    ).result_rows

    assert dict(rows) == wanted
    assert limits.query_memory < limits.memory


def test_a_query_beyond_its_memory_fails_alone(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(
            "SELECT groupArray(toString(number)) FROM numbers(20000000)",
            settings={"max_memory_usage": 50_000_000},
        )

    assert caught.value.code == 241
    assert client.command("SELECT 1") == 1


def data_directory(store: EmbeddedStore) -> Path:
    arguments = Path(f"/proc/{store.pid}/cmdline").read_bytes().split(b"\0")
    return Path(arguments[arguments.index(b"--path") + 1].decode())
