"""Every command says what it found in JSON too, where a program reads along."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from otlp_requests import Span, request

from tollbook_collector.cli import app, run, show_start
from tollbook_collector.serve import Addresses
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import Envelope

# Commands without --json, each with the reason.
WITHOUT: Final = {"mcp": "its standard output is that of a protocol, which is JSON"}
NAME: Final = f"{7:020d}-0"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Yield each command that can be run, with its options."""
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield " ".join(path), {option for one in command.params for option in one.opts}
    for name, one in inner.items():
        yield from commands(one, (*path, name))


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run a command and return the JSON that it printed."""
    assert run(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def set_aside(data: Path, body: bytes) -> None:
    """Put a request into the quarantine of a data directory."""
    spool = Spool(data / "spool" / "traces", 1 << 30, disk_free_bytes_min=0)
    spool.set_aside(Envelope("acme", "k", 1, 7, 1, body), 0, "cannot read it")
    spool.close()


def test_every_command_takes_json() -> None:
    known = dict(commands(typer.main.get_command(app)))

    assert {"spend", "quarantine list", "store", "runs show"} <= set(known)
    assert {name for name, options in known.items() if "--json" not in options} == set(WITHOUT)


def test_the_version_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    plain = (run(["version"]), capsys.readouterr().out)[1].strip()

    assert answered(capsys, "version", "--json") == {"version": plain}


def test_a_request_in_quarantine_is_json_as_far_as_it_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_aside(tmp_path / "read", request([Span(name="odd one")]))
    set_aside(tmp_path / "unread", b"\xff\xff")

    read = answered(capsys, "quarantine", "show", NAME, "--json", "--data", str(tmp_path / "read"))
    unread = answered(
        capsys, "quarantine", "show", NAME, "--json", "--data", str(tmp_path / "unread")
    )

    (scope,) = read["request"]["resourceSpans"][0]["scopeSpans"]
    assert (read["reason"], scope["spans"][0]["name"]) == ("cannot read it", "odd one")
    assert (unread["request"], unread["content"]) == (None, "//8=")


def test_what_is_tried_again_is_counted_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_aside(tmp_path, request([Span()]))

    listed = answered(capsys, "quarantine", "list", "--json", "--data", str(tmp_path))
    retried = answered(capsys, "quarantine", "retry", "all", "--json", "--data", str(tmp_path))

    assert (listed["name"], retried) == (NAME, {"retried": 1})


def test_a_price_is_json_with_the_option_and_without(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("prices", "cost", "openai", "gpt-4o", "--usage", "input=1000000")

    assert answered(capsys, *asked, "--json")["cost"] == answered(capsys, *asked)["cost"]


def test_a_collector_says_where_it_listens_in_one_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = Addresses("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3", "s", True)

    show_start(tmp_path, True, addresses)

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "otlp_http": "http://127.0.0.1:1",
        "otlp_grpc": "127.0.0.1:2",
        "api": "http://127.0.0.1:3",
        "store": "s",
        "open": True,
        "data": str(tmp_path),
    }
