"""F2, the third wall knocked out: every known escape against an engine that no sandbox holds."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from escapes import escapes, variants
from otlp_requests import call, request

from tollbook_collector.answer.guard import SqlRefused
from tollbook_collector.answer.user_sql import UserSql
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import (
    ClickHouse,
    StoreAddress,
    StoreRefused,
    StoreUnavailable,
)
from tollbook_collector.store.embedded.directory import StoreDirectory
from tollbook_collector.store.embedded.sandbox import clean_environment

SECRET = "SECRET-OF-THE-MACHINE"
OWN, RIVAL = "acme", "rival-of-acme"
STOP_S = 30
UNSANDBOXED = """
import socket, sys
from pathlib import Path
from tollbook_collector.store.embedded import owner
from tollbook_collector.store.embedded.sandbox import Sandbox
owner._enter_sandbox = lambda directory: Sandbox(("all of it",))
sys.exit(owner.own(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), lifeline=True))
"""


@dataclass
class Asking:
    """A collector that only asks."""

    store: ClickHouse
    user_sql: bool = True


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    directory = tmp_path_factory.mktemp("unsandboxed") / "store"
    secret = StoreDirectory(directory).prepare()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        command = [sys.executable, "-c", UNSANDBOXED, str(directory), str(listener.fileno())]
        environment = clean_environment(os.environ, directory / "tmp")
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=environment
        )
        port = listener.getsockname()[1]
        store = ClickHouse(StoreAddress(f"http://127.0.0.1:{port}", "default", secret))
    sql.migrate(store)
    content = header()
    for number, tenant in enumerate((OWN, RIVAL)):
        body = request([call("openai", "gpt-4o", 10, 1, **{"tollbook.tags.team": f"of-{tenant}"})])
        content += record(Envelope(tenant, "key1", 1_790_000_000_000_000_000, number + 1, 1, body))
    store.insert_segment(content, uuid.uuid4().hex)
    yield store
    store.close()
    assert process.stdin is not None
    process.stdin.close()
    process.wait(STOP_S)


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> tuple[Path, Path]:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    return secret, tmp_path / "written.txt"


def test_no_sandbox_holds_this_engine(store: ClickHouse, machine: tuple[Path, Path]) -> None:
    """Else the others would prove nothing."""
    rows = store.rows(f"SELECT * FROM file('{machine[0]}', 'LineAsString')")

    assert rows == [(SECRET,)]


@pytest.mark.parametrize("guard", [True, False], ids=["with the guard", "without the guard"])
def test_no_escape_passes_without_the_sandbox(
    store: ClickHouse, machine: tuple[Path, Path], guard: bool
) -> None:
    secret, written = machine
    user_sql = UserSql(Asking(store))
    answers, refused = [], 0
    dressed = [*escapes(), *variants()] if guard else escapes()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for plain in dressed:
            text = plain.replace("FILE", str(secret)).replace("OUT", str(written))
            text = text.replace("URL", url)
            try:
                asked = user_sql.confined(OWN, text) if guard else user_sql.checked(OWN, text)
                limited = {**asked.settings, "max_execution_time": 1, "max_result_rows": 1_000}
                answers.append(
                    store.formatted(asked.statement, "JSONEachRow", asked.parameters, limited)
                )
            except (SqlRefused, StoreRefused, StoreUnavailable):
                refused += 1
        with pytest.raises(TimeoutError):
            listener.accept()

    together = b"".join(answers)
    assert refused > (800 if guard else 100)
    assert not (guard and answers)
    assert RIVAL.encode() not in together
    assert SECRET.encode() not in together
    assert not written.exists()
