"""Money on the command line, against a running collector: missing prices, FOCUS files, bills."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import cache_read, call, request

from tollbook_collector import cli


def test_prices_missing_export_and_reconcile_ask_a_collector(
    collector: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    spans = [call("openai", "gpt-6.1-sol", 10_000, 2_000, at=now, **cache_read(6_000))] * 3
    collector.export(request([*spans, call("openai", "mystery", 5, 1, at=now)]))
    collector.wait_loaded()
    api = ["--api", collector.api]
    file = tmp_path / "focus.csv"
    period = ["--period", now.strftime("%Y-%m")]

    assert cli.run(["prices", "missing", *api]) == 0
    assert "1 openai mystery: unknown_model" in capsys.readouterr().out

    exported = ["export", "focus", *period, "-o", str(file), "--check", "--json", *api]
    assert cli.run(exported) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["rows"], answer["findings"]) == (3, {})
    assert cli.run(["export", "lint", str(file)]) == 0
    assert cli.run(["export", "lint", str(file), "--version", "1.2"]) == 1
    capsys.readouterr()

    assert cli.run(["reconcile", str(file), "--json", *api]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [day["coverage"] for day in answer["days"] if day["model"] == "gpt-6.1-sol"] == [1.0]
    assert answer["ranked"] == []
    assert cli.run(["reconcile", str(file), *api]) == 0
    assert "The bill and the meter agree." in capsys.readouterr().out

    (tmp_path / "bad.json").write_text('{"a": 1}')
    assert cli.run(["reconcile", str(tmp_path / "bad.json"), *api]) == 1
    assert "is of no bill that is known" in capsys.readouterr().err
    assert cli.run(["export", "focus", "--period", "2026-13", *api]) == 2
