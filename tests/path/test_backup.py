"""A backup of a collector under load: its restored directory is the state of one instant."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import call, request
from typer.testing import CliRunner
from waiting import wait_until

from tollbook_collector.cli import app
from tollbook_collector.store.backup import (
    MANIFEST,
    BackupDamaged,
    BackupRefused,
    restore,
)

IN_STEP = (
    "SELECT (SELECT count() FROM calls) AS calls, (SELECT sum(calls) FROM spend_hourly) AS rolled,"
    " (SELECT sum(cost_usd) FROM calls) = (SELECT sum(cost_usd) FROM spend_hourly) AS same,"
    " (SELECT uniqExact(span_id) FROM spans) AS ids"
)
A_REQUEST = 20


def test_a_backup_under_load_restores_to_the_state_of_one_instant(
    tmp_path: Path, start_collector: Callable[..., Any]
) -> None:
    collector = start_collector(tmp_path / "data")
    acknowledged = [0]
    stopping = threading.Event()

    def send() -> None:
        while not stopping.is_set():
            body = request([call("openai", "gpt-4o", 100, 10) for _ in range(A_REQUEST)])
            if collector.export(body) == 200:
                acknowledged[0] += A_REQUEST

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: collector.get("/health")["load"]["segments"] >= 3)
    before = acknowledged[0]
    asked = ["backup", "create", "--name", "one", "--api", collector.api, "--json"]
    made = CliRunner().invoke(app, asked)
    assert made.exit_code == 0, (made.output, made.exception)
    after = acknowledged[0] + A_REQUEST
    wait_until(lambda: acknowledged[0] > after)
    stopping.set()
    sender.join()
    backup = Path(json.loads(made.stdout)["path"])
    restored = CliRunner().invoke(
        app, ["backup", "restore", str(backup), "--data", str(tmp_path / "new")]
    )
    assert restored.exit_code == 0, restored.output
    collector.stop()

    again = start_collector(tmp_path / "new")
    again.wait_loaded()
    [row] = again.sql(IN_STEP)

    # Between what was acknowledged before it and after it, each span once, every table in step.
    assert before <= int(row["calls"]) <= after
    assert int(row["rolled"]) == int(row["ids"]) == int(row["calls"])
    assert row["same"] == 1
    manifest = json.loads((backup / MANIFEST).read_text())
    assert 0 < manifest["rows"]["spans"] <= int(row["calls"])


@pytest.fixture(name="backup")
def _backup(tmp_path: Path) -> Path:
    directory = tmp_path / "backup"
    (directory / "store").mkdir(parents=True)
    (directory / "store" / "file").write_text("four")
    content = {
        "format": 1,
        "version": "0.1.0",
        "taken_at": "2026-11-02T10:00:00+00:00",
        "rows": {"spans": 4},
        "files": {"store/file": 4},
    }
    (directory / MANIFEST).write_text(json.dumps(content))
    return directory


def test_a_directory_that_is_not_empty_is_not_restored_into(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine").write_text("kept")

    with pytest.raises(BackupRefused, match="--data"):
        restore(backup, data)

    assert (data / "mine").read_text() == "kept"


@pytest.mark.parametrize("change", ["missing", "shorter", "more"])
def test_a_damaged_backup_restores_nothing(backup: Path, tmp_path: Path, change: str) -> None:
    file = backup / "store" / "file"
    if change == "missing":
        file.unlink()
    elif change == "shorter":
        file.write_text("4")
    else:
        (backup / "store" / "other").write_text("who put it here?")

    with pytest.raises(BackupDamaged, match="manifest"):
        restore(backup, tmp_path / "data")

    assert not (tmp_path / "data").exists()


def test_a_backup_of_a_newer_format_is_refused_with_the_way_out(
    backup: Path, tmp_path: Path
) -> None:
    content = json.loads((backup / MANIFEST).read_text())
    (backup / MANIFEST).write_text(json.dumps({**content, "format": 2}))

    with pytest.raises(BackupRefused, match="version that made it"):
        restore(backup, tmp_path / "data")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="is no backup"):
        restore(tmp_path / "nothing", tmp_path / "data")
