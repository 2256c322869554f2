"""A collector run for a benchmark: started, asked, watched and killed from outside."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOPPED_WITHIN_S = 60.0


class DidNotStart(Exception):
    """A collector ended before it listened."""


@dataclass
class Running:
    """A collector's process and where it can be reached.

    Args:
        process: The collector's.
        data: Its directory.
        otlp: Where traces are posted.
        api: Where it answers.
        store: Its embedded ClickHouse.
    """

    process: "subprocess.Popen[str]"
    data: Path
    otlp: str
    api: str
    store: str

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(STOPPED_WITHIN_S)

    def kill(self) -> None:
        """Kill it without warning, and wait until it is gone."""
        self.process.kill()
        self.process.wait(STOPPED_WITHIN_S)

    def store_pids(self) -> list[int]:
        """Return the process id of the embedded store; none while it restarts."""
        return [pid for pid in children(self.process.pid) if b"store.embedded" in command_line(pid)]

    def health(self) -> dict[str, Any]:
        """Return what it says about itself, be it well or not."""
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                found = json.load(error)
        return found

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a statement, asked of the store itself and not through the API."""
        secret = (self.data / "store" / "secret").read_text().strip()
        headers = {
            "X-ClickHouse-User": "default",
            "X-ClickHouse-Key": secret,
            "X-ClickHouse-Database": "tollbook",
        }
        text = f"{statement} SETTINGS output_format_json_quote_decimals = 1 FORMAT JSONEachRow"
        message = urllib.request.Request(self.store, text.encode(), headers)
        with urllib.request.urlopen(message, timeout=120) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]


def start(data: Path, log: Path) -> Running:
    """Start a collector on free ports and return it once it listens.

    Args:
        data: Its directory, kept over several starts.
        log: Where its standard error goes.

    Raises:
        DidNotStart: It ended instead.
    """
    command = [sys.executable, "-m", "tollbook_collector", "up", "--data", str(data)]
    for option in ("--otlp-http", "--otlp-grpc", "--api"):
        command += [option, "127.0.0.1:0"]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("Next:"):
            break
    found = [re.search(rf"^ *{name} +(\S+)", text, re.M) for name in ("OTLP/HTTP", "API", "store")]
    addresses = [match[1] for match in found if match]
    if len(addresses) != len(found):
        process.kill()
        process.wait()
        raise DidNotStart(f"the collector did not start: {text}; {log} says why")
    return Running(process, data, *addresses)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found


def command_line(pid: int) -> bytes:
    """Return how a process was started; empty: it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    """Return how many descriptors a process has open, without those that watch its threads.

    The engine holds three files of /proc for each of its threads, and keeps a thread for ever.
    """
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += "/task/" not in str(descriptor.readlink())
    return found


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
