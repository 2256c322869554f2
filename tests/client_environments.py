"""Runs the tests of client libraries in environments of their own, by the table `clients.toml`.

`make test` has the libraries that can live in one environment; this has all of them, each at its
newest version and at the oldest that works. Environments are kept and made anew when their line in
the table changes. Prints one line per environment, the output of what failed, and a summary.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
TABLE: Final = ROOT / "tests/clients.toml"
HOME: Final = ROOT / ".venv/clients"
TEST_S_MAX: Final = 500.0  # of one environment's tests
OUTPUT_CHARS_MAX: Final = 20_000  # shown of what failed
SUMMARY: Final = re.compile(r"\d+ \w+.* in [\d.]+s")
COUNTED: Final = re.compile(r"(\d+) (passed|failed|errors?|skipped)\b")


@dataclass(frozen=True)
class Environment:
    """One environment: what is installed into it, and which tests run there.

    Attributes:
        name: Name of the library and whether it is its newest or its oldest version.
        pins: Requirements, the library's own pinned.
        before: Day, as ISO 8601; what was published later is not installed.
        tests: Files of `tests/agent`.
        options: Further arguments of pytest.
        variables: Variables of the environment.
    """

    name: str
    pins: tuple[str, ...]
    before: str
    tests: tuple[str, ...]
    options: tuple[str, ...]
    variables: dict[str, str]


@dataclass
class Outcome:
    """What came of the tests of one environment."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    output: str = field(default="", repr=False)

    def line(self) -> str:
        """Return it as a line."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return (
            f"{self.name:<26} {self.passed} passed, {self.failed} failed{skipped}"
            f" in {self.seconds:.1f} s"
        )


def environments(table: dict[str, Any], group: str) -> Iterator[Environment]:
    """Yield the environments of the table's group."""
    common = table["common"]
    for name, client in table[group].items():
        for version in ("newest", "minimum"):
            if version in client:
                yield Environment(
                    f"{name}-{version}",
                    (*common["packages"], *client[version]),
                    client.get(f"{version}_before", common["before"]),
                    tuple(f"tests/agent/{test}" for test in client["tests"]),
                    (*client.get("options", ()), *without(client.get("without", ()), version)),
                    client.get("variables", {}),
                )


def without(names: Sequence[str], version: str) -> tuple[str, ...]:
    """Return the arguments of pytest that leave out tests of what an oldest version lacks."""
    return (
        ("-k", " and ".join(f"not {name}" for name in names))
        if names and version == "minimum"
        else ()
    )


def uv() -> str:
    """Return the path of uv, that of this interpreter's environment if there is one."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is missing: run `make setup`, which installs it into .venv")
    return found


def install(environment: Environment) -> Path:
    """Return the interpreter of an environment, made now unless it is there with these pins.

    Raises:
        CalledProcessError: A package cannot be had; its `output` says which.
    """
    home = HOME / environment.name
    python, stamp = home / "bin/python", home / "pins"
    pins = "\n".join((environment.before, sys.version, *environment.pins))
    if not (stamp.exists() and stamp.read_text() == pins):
        commands = (
            (uv(), "venv", "-q", "--clear", "--python", sys.executable, str(home)),
            (
                *(uv(), "pip", "install", "-q", "--python", str(python)),
                *("--exclude-newer", environment.before, *environment.pins),
            ),
        )
        for command in commands:
            subprocess.run(
                command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        stamp.write_text(pins)
    return python


def run(environment: Environment, arguments: Sequence[str]) -> Outcome:
    """Return what came of an environment's tests; one that cannot be made is a failure."""
    began = time.monotonic()
    outcome = Outcome(environment.name)
    try:
        python = install(environment)
        ran = subprocess.run(
            [
                *(python, "-m", "pytest", "-q", "--confcutdir=tests/agent"),
                *("-p", "no:cacheprovider", *environment.options, *arguments, *environment.tests),
            ],
            cwd=ROOT,
            env={**os.environ, **environment.variables, "PYTHONPATH": "agent"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TEST_S_MAX,
            check=False,
        )
        count(outcome, ran.stdout, ran.returncode)
    except subprocess.TimeoutExpired as error:
        outcome.failed, outcome.output = 1, f"no end after {error.timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        outcome.failed, outcome.output = 1, str(error.output)
    outcome.seconds = time.monotonic() - began
    return outcome


def count(outcome: Outcome, output: str, status: int) -> None:
    """Take the counts from the summary that pytest prints; what ran no test has failed."""
    counts = dict.fromkeys(("passed", "failed", "error", "skipped"), 0)
    # A library may print something at its exit, after pytest's last line.
    summary = next((line for line in reversed(output.splitlines()) if SUMMARY.search(line)), "")
    for number, what in COUNTED.findall(summary):
        counts[what.removesuffix("s")] += int(number)
    outcome.passed, outcome.skipped = counts["passed"], counts["skipped"]
    outcome.failed = counts["failed"] + counts["error"]
    if not outcome.failed and (status or not outcome.passed):
        outcome.failed = 1
    if outcome.failed:
        outcome.output = output


def main() -> int:
    """Run the tests of all environments, or of those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="libraries, or environments such as groq-minimum")
    parser.add_argument("--group", default="clients", help="table of clients.toml")
    parser.add_argument("--pytest", action="append", default=[], help="an argument for pytest")
    asked = parser.parse_args()
    began = time.monotonic()
    table = tomllib.loads(TABLE.read_text())
    chosen = [
        environment
        for environment in environments(table, asked.group)
        if not asked.names
        or {environment.name, environment.name.rpartition("-")[0]} & {*asked.names}
    ]
    if not chosen:
        known = ", ".join(sorted(table[asked.group]))
        raise SystemExit(f"no environment is named {' '.join(asked.names)}; there are: {known}")
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(lambda one: run(one, asked.pytest), chosen):
            print(outcome.line(), flush=True)
            outcomes.append(outcome)
    for outcome in outcomes:
        if outcome.failed:
            print(f"\n--- {outcome.name}\n{outcome.output[-OUTPUT_CHARS_MAX:]}")
    passed, failed = (sum(getattr(o, what) for o in outcomes) for what in ("passed", "failed"))
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(
        f"{passed} passed, {failed} failed, {skipped} skipped in {time.monotonic() - began:.1f} s"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
