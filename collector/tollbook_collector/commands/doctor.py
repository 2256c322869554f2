"""Finds what would keep tollbook from working on this machine, and what to do about it."""

import os
import socket
import sys
from datetime import UTC, datetime
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from tollbook_collector.commands import doctor_machine as machine
from tollbook_collector.commands import doctor_settings as set_up
from tollbook_collector.commands import doctor_surroundings as around
from tollbook_collector.commands.ask import CollectorAway, CollectorRefused, ask_json
from tollbook_collector.commands.finding import Finding
from tollbook_collector.settings import Settings, split_address

CLOCK_TIMEOUT_S: Final = 5.0
PYTHON_MIN: Final = (3, 11)


def examine(settings: Settings, api: str) -> list[Finding]:
    """Return what was found: the machine, the settings, what is around, and a running collector."""
    now, environment = datetime.now(UTC), dict(os.environ)
    findings = [_python(), machine.file_system(settings.data), machine.disk(settings.data)]
    findings += [machine.inodes(settings.data), machine.open_files(), machine.memory()]
    findings += [machine.sandbox(), *set_up.everything(settings, environment, now)]
    findings += [*around.endpoint(environment), *around.proxy(environment)]
    findings += [*around.switched_off(environment), *around.other_meters(), around.clients()]
    try:
        said: dict[str, Any] = ask_json(api, "/health")
        findings.append(Finding("ok", f"a collector answers at {api} and finds itself well"))
        findings += [*around.health(said), *machine.clock(_date_of(api), now)]
    except CollectorAway:
        findings.append(Finding("note", f"no collector answers at {api}", "start one: tollbook up"))
        findings += [_port(name, value) for name, value in _listening(settings)]
        findings.append(machine.directory(settings.data))
    except CollectorRefused as refusal:
        findings.append(
            Finding("bad", f"the collector at {api} is not well: {refusal}", "see docs/runbooks")
        )
    return findings


def _date_of(api: str) -> str:
    """Return the date by the clock of who answers there; empty: it was not said."""
    try:
        with build_opener(ProxyHandler({})).open(f"{api}/live", timeout=CLOCK_TIMEOUT_S) as answer:
            return str(answer.headers.get("date", ""))
    except (OSError, ValueError):
        return ""


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
