"""The commands of `tollbook quarantine` on a data directory."""

import json
from pathlib import Path

import pytest
from otlp_requests import Span, request

from tollbook_collector.cli import run
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import Envelope


@pytest.fixture(name="data")
def _data(tmp_path: Path) -> Path:
    spool = Spool(tmp_path / "spool" / "traces", 1 << 30, disk_free_bytes_min=0)
    body = request([Span(name="odd one")])
    spool.set_aside(Envelope("acme", "k", 1, 7, 1, body), 0, "cannot read it")
    spool.close()
    return tmp_path


def test_what_was_refused_is_listed_with_its_reason(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["quarantine", "list", "--data", str(data)])

    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert status == 0
    assert (found["name"], found["signal"], found["tenant"]) == (f"{7:020d}-0", "traces", "acme")
    assert (found["items"], found["reason"]) == (1, "cannot read it")


def test_one_request_is_shown_as_text(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["quarantine", "show", f"{7:020d}-0", "--data", str(data)])

    assert 'name: "odd one"' in capsys.readouterr().out


def test_a_name_that_is_not_there_is_an_error(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = [run(["quarantine", verb, "9-9", "--data", str(data)]) for verb in ("show", "retry")]

    assert statuses == [1, 1]
    assert capsys.readouterr().err.count("9-9 is not in quarantine") == 2


def test_a_retry_leaves_the_quarantine_and_waits_for_a_collector(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["quarantine", "retry", "all", "--data", str(data)])
    run(["quarantine", "list", "--data", str(data)])

    assert capsys.readouterr().out == "1 to be tried again\n"
    assert [path.suffix for path in (data / "spool" / "traces").glob("*-0.*")] == [".retry"]
