"""`tollbook run`: a program that knows nothing of tollbook is metered, and so are its children."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tollbook
from tollbook.zero_code import STARTUP, Instrumentor, environment_of, main, parse

PROGRAM = """
import os, sys, openai
with openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1", max_retries=0) as client:
    for _ in range(int(sys.argv[1])):
        client.chat.completions.create(
            model="gpt-4o", messages=[dict(role="user", content="x")], max_tokens=153)
# What the exit waits for is bounded, and not what is tested here.
if "tollbook" in sys.modules:
    sys.modules["tollbook"].flush(30)
"""
# Whether a program is metered shows without a client library, which takes long to import.
LIGHT = """
import sys, tollbook
print(tollbook.process.PROCESS.exporter is not None)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_command(collector: Any, provider: Any, tmp_path: Path) -> Run:
    """Run `tollbook` with arguments, in a directory that holds program.py."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "light.py").write_text(LIGHT)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TOLLBOOK_"))}
        paths = [*environment.pop("PYTHONPATH", "").split(os.pathsep), *sys.path]
        urls = {
            "TOLLBOOK_ENDPOINT": collector.url,
            "PROVIDER": provider.url,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        return subprocess.run(
            [sys.executable, "-m", "tollbook_collector", *arguments],
            env={**clean, **urls, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_a_program_is_metered_without_a_change(run_command: Run, collector: Any) -> None:
    command = (sys.executable, "program.py")
    ended = run_command("run", "--service", "shop", "--", *command, "2")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [span.name for span in collector.spans] == ["chat gpt-4o"] * 2
    assert collector.spans[0].resource["service.name"] == "shop"


def test_the_python_programs_that_it_starts_are_metered_too(
    run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys\nsys.exit(subprocess.run([sys.executable, 'light.py']).returncode)"
    )

    ended = run_command("run", "parent.py")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")


def test_the_call_that_would_cross_the_budget_ends_the_program(
    run_command: Run, collector: Any, provider: Any
) -> None:
    ended = run_command("run", "--budget=0.008", "program.py", "5")

    # Two calls of 0.00325875 dollars fit, a third that may need 0.00155 does not.
    assert ended.returncode == 1
    assert "BudgetExceeded: budget 'process' of 0.008 usd has 0.0014825 left" in ended.stderr
    assert len(provider.bodies) == 2


def test_the_sitecustomize_of_the_program_runs_as_well(run_command: Run, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("print('theirs')")

    ended = run_command("run", "light.py", PYTHONPATH=str(folder))

    # Once in the Python of the command itself, once in that of the program.
    assert (ended.stdout, ended.stderr) == ("theirs\n" * 2 + "True\n", "")


def test_the_path_of_the_program_is_as_it_would_be_without_us(
    run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "path.py").write_text("import sys; print([p for p in sys.path if 'startup' in p])")

    ended = run_command("run", "path.py")

    assert ended.stdout == "[]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ""),
        ("", ""),
        ("/a", ":/a"),
        (":/a", "::/a"),
        ("/a:", ":/a:"),
        (f"{STARTUP}:/a", ":/a"),
    ],
)
def test_the_entries_of_pythonpath_stay_as_they_were_also_the_empty_ones(
    before: str | None, after: str
) -> None:
    variables = {} if before is None else {"PYTHONPATH": before}

    assert environment_of(variables, {})["PYTHONPATH"] == STARTUP + after


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["run"], 2, "no command to run"),
        (["run", "--budget"], 2, "--budget has no value"),
        (["run", "--budget", "much", "x.py"], 2, "TOLLBOOK_BUDGET_USD is 'much'"),
        (["run", "--budget", "0", "x.py"], 2, "more than 0"),
        (["run", "--endpoint", "ftp://x", "x.py"], 2, "http or https"),
        (["run", "--fast", "x.py"], 2, "unknown option --fast"),
        (["run", "no-such-program"], 127, "no-such-program is not there"),
    ],
)
def test_a_command_line_that_cannot_be_used_names_the_way_out(
    arguments: list[str], status: int, said: str, run_command: Run
) -> None:
    ended = run_command(*arguments)

    assert ended.returncode == status
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_needs_nothing_of_the_collector(run_command: Run, tmp_path: Path) -> None:
    program = tmp_path / "light.py"
    program.write_text("import sys; print(any('typer' in name for name in sys.modules))")
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['typer'] = None; sys.argv[1:] = ['run', '--help'];"
            "from tollbook_collector.__main__ import main; sys.exit(main())",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    ended = run_command("run", "light.py")

    assert (listed.returncode, listed.stdout.split(" [")[0]) == (0, "usage: tollbook run")
    assert ended.stdout == "False\n"


def test_a_wrong_setting_of_the_environment_is_said_and_the_program_runs(
    run_python: Any,
) -> None:
    ended = run_python(
        "import tollbook.zero_code; tollbook.zero_code.start(); print('ran')",
        TOLLBOOK_ENDPOINT="nonsense",
    )

    assert ended.stdout == "ran\n"
    assert ended.stderr.startswith("tollbook: not metered: TOLLBOOK_ENDPOINT is 'nonsense'")


def test_options_end_where_the_command_begins() -> None:
    variables, command = parse(["--service=a", "--", "python", "--budget", "x"])

    assert variables == {"TOLLBOOK_SERVICE": "a"}
    assert command == ["python", "--budget", "x"]
    assert environment_of({"PYTHONPATH": "a:b"}, {})["PYTHONPATH"] == f"{STARTUP}:a:b"
    assert environment_of({"PYTHONPATH": STARTUP}, {})["PYTHONPATH"] == STARTUP


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--budget USD" in capsys.readouterr().out


@pytest.mark.usefixtures("collector")
def test_the_instrumentor_of_opentelemetry_gives_spans_to_its_provider() -> None:
    instrumentor = Instrumentor()

    instrumentor.instrument(skip_dep_check=True)
    exporter = tollbook.process.PROCESS.exporter
    assert exporter is not None
    handed_over = exporter.settings.handed_over
    instrumentor.uninstrument()

    assert (handed_over, exporter.enabled) == (True, False)
