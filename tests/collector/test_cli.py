"""The command line without a collector: help, wrong words, and what to do next."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

COMMANDS = (
    "up",
    "demo",
    "spend",
    "budgets",
    "forecast",
    "incidents",
    "alerts",
    "sql",
    "doctor",
    "store",
    "version",
)
NOBODY = "http://127.0.0.1:9"


def tollbook(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "tollbook_collector", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            "COLUMNS": "100",
            "PATH": "",
            "NO_COLOR": "1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        },
    )


def test_help_names_every_command() -> None:
    done = tollbook("--help")

    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize(
    "arguments", [("spend",), ("sql", "SELECT 1"), ("spend", "--json"), ("budgets",)], ids=" ".join
)
def test_without_a_collector_a_question_says_how_to_start_one(arguments: tuple[str, ...]) -> None:
    done = tollbook(*arguments, "--api", NOBODY)

    assert done.returncode == 1
    assert f"no collector answers at {NOBODY}" in done.stderr
    assert "tollbook up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--otlp-http", "nowhere"), "'nowhere' is not HOST:PORT, as in 127.0.0.1:4318"),
        (("--otlp-grpc", "127.0.0.1:99999"), "is not HOST:PORT"),
        (("--clickhouse-url", "clickhouse"), "clickhouse_url"),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(
    arguments: tuple[str, str], words: str, tmp_path: Path
) -> None:
    done = tollbook("up", "--data", str(tmp_path), *arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_looks_at_ports_disk_and_directory(tmp_path: Path) -> None:
    done = tollbook("doctor", "--data", str(tmp_path / "data"), "--api", NOBODY)

    assert "no collector answers" in done.stdout
    assert "GiB are free on the disk" in done.stdout
    assert str(tmp_path / "data") in done.stdout


def test_doctor_finds_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    done = tollbook("doctor", "--data", str(tmp_path / "file" / "data"), "--api", NOBODY)

    assert done.returncode == 1
    assert "--data" in done.stdout


def test_a_proxy_of_the_environment_does_not_stand_before_this_machine() -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-m", "tollbook_collector", "spend", "--api", NOBODY],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"http_proxy": f"http://127.0.0.1:{proxy.server_port}/", "NO_COLOR": "1"},
        )
        proxy.shutdown()

    assert asked == []
    assert f"no collector answers at {NOBODY}" in done.stderr
