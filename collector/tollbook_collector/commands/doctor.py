"""Finds what would keep tollbook from working on this machine, and what to do about it."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from tollbook_collector.commands.ask import CollectorAway, CollectorRefused, ask_json
from tollbook_collector.settings import Settings, split_address
from tollbook_collector.spool.append import DISK_FREE_BYTES_MIN

# Below this the store has little room for merges beside its data.
DISK_FREE_BYTES_ADVISED: Final = 5 * 1024**3
PYTHON_MIN: Final = (3, 11)

Verdict = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        verdict: ok, note (works, but worth knowing) or bad (does not work).
        text: What was found.
        remedy: What to do about it; empty: nothing.
    """

    verdict: Verdict
    text: str
    remedy: str = ""


def examine(settings: Settings, api: str) -> list[Finding]:
    """Return what was found, in the order of a call's path."""
    try:
        health: dict[str, Any] | None = ask_json(api, "/health")
        running = Finding("ok", f"a collector answers at {api} and finds itself well")
    except CollectorAway:
        health = None
        running = Finding("note", f"no collector answers at {api}", "start one: tollbook up")
    except CollectorRefused as refusal:
        health = {}
        running = Finding("bad", f"the collector at {api} is not well: {refusal}")
    findings = [_python(), running]
    if health is None:
        findings += [_port(name, value) for name, value in _listening(settings)]
        findings.append(_directory(settings.data))
    findings.append(_disk(settings.data))
    findings.append(_sandbox())
    findings += _clients()
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_MIN:
        return Finding("bad", f"Python {version} is too old", "use Python 3.11 or newer")
    return Finding("ok", f"Python {version}")


def _listening(settings: Settings) -> list[tuple[str, str]]:
    return [
        ("OTLP/HTTP", settings.otlp_http),
        ("OTLP/gRPC", settings.otlp_grpc),
        ("the API", settings.api),
    ]


def _port(name: str, address: str) -> Finding:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                "bad",
                f"{address} for {name} cannot be listened on: {error.strerror}",
                "stop the program that listens there, or choose another address for tollbook up",
            )
    return Finding("ok", f"{address} is free for {name}")


def _directory(data: Path) -> Finding:
    existing = data.resolve()
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            "bad", f"{existing} cannot be written to", "name another directory with --data"
        )
    return Finding("ok", f"data is kept in {data.resolve()}")


def _disk(data: Path) -> Finding:
    existing = data.resolve()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.1f} GiB are free on the disk of {existing}"
    if free < DISK_FREE_BYTES_MIN:
        return Finding("bad", text, "spans are refused below 0.5 GiB: free some space")
    if free < DISK_FREE_BYTES_ADVISED:
        return Finding("note", text, "5 GiB leave the store room to merge")
    return Finding("ok", text)


def _sandbox() -> Finding:
    listed = Path("/sys/kernel/security/lsm")
    if listed.exists() and "landlock" not in listed.read_text():
        return Finding(
            "note",
            "this kernel has no Landlock, so SQL of users stays off with the embedded store",
            "start the kernel with lsm=landlock,…, or use --clickhouse-url",
        )
    return Finding("ok", "this kernel can confine the embedded store")


def _clients() -> Iterator[Finding]:
    names = [name for name in ("openai", "anthropic") if find_spec(name) is not None]
    if names:
        yield Finding("ok", f"client libraries here that tollbook meters: {', '.join(names)}")
    else:
        yield Finding(
            "note",
            "no client library that tollbook meters is installed beside it",
            "instrument your program in its own environment: pip install tollbook",
        )
