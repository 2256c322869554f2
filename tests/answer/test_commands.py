"""What people see in the terminal: top, calls, runs and SQL, against a served API."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Insert
from otlp_requests import Span, call
from rich.console import Console
from serving import serving

from tollbook_collector import cli
from tollbook_collector.answer.api import create_api
from tollbook_collector.store.client import ClickHouse

from .conftest import Reading

TRACE = bytes(range(16))
SCREEN_S = 60.0


def spans() -> list[Span]:
    """Return a run of an agent with two calls, one of them under a tool, and a call that failed."""
    now = datetime.now(UTC)
    tags = {
        "tollbook.run.id": "run-1",
        "tollbook.run.name": "refund",
        "tollbook.tags.team": "search",
    }
    root, tool = b"\1" * 8, b"\2" * 8
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "refund", **tags}
    look_up = {"gen_ai.operation.name": "execute_tool", **tags}
    small = call("openai", "gpt-5-mini", 1_000_000, 0, at=now, **tags)
    large = call("openai", "gpt-4o", 1_000_000, 0, at=now, **tags)
    return [
        Span(agent, now, name="invoke_agent refund", trace_id=TRACE, span_id=root),
        Span(look_up, now, 10**9, "execute_tool look_up", 1, TRACE, tool, root),
        replace(small, trace_id=TRACE, parent_span_id=root),
        replace(large, trace_id=TRACE, parent_span_id=tool),
        call("openai", "gpt-4o", at=now - timedelta(minutes=1), status_code=2, **tags),
    ]


@pytest.fixture(name="address")
def _address(
    priced: ClickHouse, tenant: str, insert: Insert, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    insert(priced, spans())
    monkeypatch.setenv("COLUMNS", "160")
    with serving(create_api(Reading(priced, tenant))) as address:
        monkeypatch.setenv("TOLLBOOK_API_URL", address)
        yield address


def told(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> str:
    """Run a command and return what it printed."""
    status = cli.run(list(arguments))
    captured = capfdbinary.readouterr()
    assert status == 0, captured.err.decode()
    return captured.out.decode()


def test_calls_are_listed_and_tailed(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    dear = told(
        capfdbinary, "calls", "--order", "cost", "--model", "gpt-4o", "--model", "gpt-5-mini"
    )
    tailed = told(capfdbinary, "calls", "tail", "--count", "3", "--json")
    failed = json.loads(told(capfdbinary, "calls", "--only", "failed", "--json"))

    assert "$2.50" in dear.splitlines()[1]
    assert len([json.loads(line) for line in tailed.splitlines()]) == 3
    assert [row["failed"] for row in failed["rows"]] == [True]


def test_calls_that_are_tailed_fit_a_narrow_terminal(
    address: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = Console(force_terminal=True, width=80, no_color=True)
    monkeypatch.setattr("tollbook_collector.commands.calls.console", narrow)

    lines = told(capfdbinary, "calls", "tail", "--count", "3").splitlines()

    assert max(map(len, lines)) <= 80
    assert any("$2.50" in line for line in lines)


def test_incidents_alone_are_listed_as_by_their_command(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert told(capfdbinary, "incidents") == told(capfdbinary, "incidents", "list")
    assert "rows" in json.loads(told(capfdbinary, "incidents", "--json"))


def test_a_run_is_a_tree_with_the_cost_of_each_step_and_of_all_under_it(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    listed = told(capfdbinary, "runs")
    tree = told(capfdbinary, "runs", "show", "run-1")

    assert "refund" in listed
    # gpt-5-mini costs 0.25 a million input, gpt-4o 2.50.
    assert "refund  $2.75" in tree.splitlines()[0]
    assert re.search(r"invoke_agent refund +\$2\.75 in 2 calls", tree)
    assert re.search(
        r"│ +└── execute_tool look_up +\$2\.50 in 1 call |execute_tool look_up +\$2\.50 in 1 call ",
        tree,
    )
    assert re.search(r"gpt-4o +\$2\.50 +1000000 in", tree)


@pytest.mark.parametrize("columns", ["80", "100", "160"])
def test_the_id_of_a_run_and_the_state_of_a_budget_are_whole_in_any_terminal(
    address: str,
    priced: ClickHouse,
    tenant: str,
    insert: Insert,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    named = {"tollbook.run.id": TRACE.hex(), "tollbook.run.name": "an-agent-with-a-long-name"}
    insert(priced, [call("openai", "gpt-4o", 1_000, 0, at=datetime.now(UTC), **named)])
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    money = [Decimal(limit) for limit in ("20.50", "40.55", "-20.05", "42.17", "42.05", "142.52")]
    kept = ["limit_usd", "spent_usd", "remaining_usd"]
    kept += ["forecast_usd", "forecast_low_usd", "forecast_high_usd"]
    named_by = ["tenant", "budget", "dimension", "value", "in_force", "period_ends_at"]
    row = [tenant, "customer-daily", "customer", "customer-159", True, ends, *money]
    priced.insert("budget_periods", [*named_by, *kept], [row])
    monkeypatch.setenv("COLUMNS", columns)

    runs = told(capfdbinary, "runs")
    budgets = told(capfdbinary, "budgets")

    assert TRACE.hex() in runs
    assert "exceeded" in budgets
    assert max(len(line.rstrip()) for line in (runs + budgets).splitlines()) <= int(columns)


def test_a_trace_is_a_tree_under_what_it_cost(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    tree = told(capfdbinary, "calls", "trace", f"{TRACE.hex()}/{'02' * 8}")
    answer = json.loads(told(capfdbinary, "calls", "trace", TRACE.hex(), "--json"))

    # gpt-5-mini costs 0.25 a million input, gpt-4o 2.50.
    assert tree.splitlines()[0] == f"trace {TRACE.hex()}  $2.75  2 calls"
    assert len(tree.splitlines()) == 5
    assert (answer["cost_usd"], answer["spans"], len(answer["rows"])) == ("2.75", 4, 4)
    assert cli.run(["calls", "trace", "1" * 32]) == 1
    assert f"there is no trace {'1' * 32}" in capfdbinary.readouterr().err.decode()


def test_sql_is_a_table_a_chart_json_csv_or_parquet(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "SELECT model, sum(cost_usd) AS usd FROM calls WHERE NOT failed GROUP BY 1 ORDER BY 2"
    chart = told(capfdbinary, "sql", text, "--format", "chart").splitlines()
    rows = [json.loads(line) for line in told(capfdbinary, "sql", text, "--json").splitlines()]
    status = cli.run(["sql", text, "--format", "parquet"])
    parquet = capfdbinary.readouterr().out

    assert [row["model"] for row in rows] == ["gpt-5-mini", "gpt-4o"]
    assert chart[-1].count("█") >= 9 * chart[-2].count("█") > 0
    assert (status, parquet[:4], parquet[-4:]) == (0, b"PAR1", b"PAR1")
    assert cli.run(["sql", text, "--format", "xml"]) == 2


def test_a_chart_has_no_bar_for_what_is_unknown(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "SELECT failed, sum(cost_usd) AS usd FROM calls GROUP BY 1 ORDER BY 1"
    answered, failed = told(capfdbinary, "sql", text, "--format", "chart").splitlines()[-2:]
    nothing = told(capfdbinary, "sql", "SELECT 0 AS usd FROM calls LIMIT 1", "--format", "chart")

    assert "2.75" in answered
    assert "█" in answered
    assert failed.split()[1:] == ["—"]
    assert nothing.split()[-2:] == ["0", "▏"]


def test_top_draws_itself_once_where_there_is_no_terminal(
    address: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    screen = told(capfdbinary, "top", "--minutes", "60")
    answer = json.loads(told(capfdbinary, "top", "--by", "team", "--json"))

    assert "$2.75/h" in screen
    assert "33.3% errors" in screen
    assert [(row["value"], row["calls"], row["errors"]) for row in answer["rows"]] == [
        ("search", 3, 1)
    ]
    assert answer["rows"][0]["cost_usd"].rstrip("0") == "2.75"
    assert "\x1b[" not in screen


def test_top_is_drawn_in_a_terminal_and_obeys_its_keys(address: str, tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tollbook_collector", "top", "--every", "0.2"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment,
        close_fds=True,
    )
    os.close(inside)
    recorded = b""

    def wait_for(pattern: bytes) -> None:
        nonlocal recorded
        begin = len(recorded)
        while not re.search(pattern, recorded[begin:]):
            ready, _, _ = select.select([terminal], [], [], SCREEN_S)
            assert ready, recorded[-2_000:]
            recorded += os.read(terminal, 65_536)

    try:
        wait_for(rb"gpt-4o")
        os.write(terminal, b"t")
        wait_for(rb"search")
        os.write(terminal, b"q")
        assert process.wait(SCREEN_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(terminal)

    # It drew on the other screen, so that the terminal is as it was.
    assert b"\x1b[?1049h" in recorded


def test_no_colour_leaves_where_it_is_not_wanted(address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tollbook_collector", "top", "--once"],
        capture_output=True,
        check=True,
        env={**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )

    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", done.stdout)
    assert b"gpt-4o" in done.stdout


@pytest.mark.parametrize(
    ("shell", "offered"),
    [
        ("bash", {"model,team"}),
        ("zsh", {"_arguments '*: :((\"model,team\"))'"}),
        ("fish", {"model,team"}),
    ],
)
def test_a_shell_is_offered_the_dimensions_that_are_left(shell: str, offered: set[str]) -> None:
    line = "tollbook spend --by model,te"
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": "3", "_TOLLBOOK_COMPLETE": "complete_bash"},
        "zsh": {"_TYPER_COMPLETE_ARGS": line, "_TOLLBOOK_COMPLETE": "complete_zsh"},
        "fish": {
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TOLLBOOK_COMPLETE": "complete_fish",
        },
    }[shell]

    told = subprocess.run(
        [sys.executable, "-c", "from tollbook_collector.cli import app; app(prog_name='tollbook')"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert set(told.stdout.split("\n")) - {""} == offered, told.stderr


def test_long_work_is_shown_on_a_terminal_and_nowhere_else() -> None:
    program = (
        "import sys; from tollbook_collector.commands.progress import working\n"
        "with working('pricing anew', as_json=sys.argv[1] == 'json', counted=True) as show:\n"
        "    show(3, 4)\n"
        "print('answer')"
    )

    def run(said: str, **environment: str) -> tuple[str, str]:
        told = subprocess.run(
            [sys.executable, "-c", program, said],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return told.stdout, told.stderr

    seen = {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TERM": "xterm"}
    terminal = run("table", **seen)

    assert terminal[0] == "answer\n"
    assert "pricing anew" in terminal[1]
    assert "3/4" in terminal[1]
    assert run("json", **seen) == ("answer\n", "")
    assert run("table") == ("answer\n", "")
