"""`tollbook run`: meters a program, and the Python programs that it starts, without touching it.

The folder `startup`, put in front of PYTHONPATH, holds the `sitecustomize` that each Python process
imports before the program. The environment says the rest, as it does for `instrument()`.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tollbook.instrumentation import instrument
from tollbook.settings import SettingInvalid, read_settings

STARTUP: Final = str(Path(__file__).with_name("startup"))
EXIT_USAGE: Final = 2
EXIT_NOT_EXECUTABLE: Final = 126  # what shells give for a command that is there and cannot be run
EXIT_NOT_FOUND: Final = 127
# Options and the variables of the environment that they set.
OPTIONS: Final = {
    "--budget": "TOLLBOOK_BUDGET_USD",
    "--service": "TOLLBOOK_SERVICE",
    "--endpoint": "TOLLBOOK_ENDPOINT",
}
USAGE: Final = """\
usage: tollbook run [--budget USD] [--service NAME] [--endpoint URL] [--] COMMAND [ARGUMENT ...]

Runs a Python program with its model calls metered, and so the Python programs that it starts.
COMMAND is a program, such as python, gunicorn or pytest, or a file that ends with .py.

  --budget USD     refuse the call that would cross so many dollars, in each process
  --service NAME   name of the service (TOLLBOOK_SERVICE)
  --endpoint URL   the collector (TOLLBOOK_ENDPOINT), default http://localhost:4318
"""


class CommandInvalid(ValueError):
    """The command line cannot be used; the message says how to write it."""


def start() -> None:
    """Meter this process by what the environment says; a wrong setting is said, and no more."""
    try:
        instrument()
    except SettingInvalid as error:
        print(f"tollbook: not metered: {error}", file=sys.stderr)  # noqa: T201 - before any logging


class Instrumentor:
    """For `opentelemetry-instrument`, which finds it by its entry point and calls `instrument`."""

    def instrument(self, **_: object) -> None:
        """Give spans to the TracerProvider that `opentelemetry-instrument` has set."""
        instrument(exporter=None)

    def uninstrument(self, **_: object) -> None:
        """Meter nothing from now on."""
        from tollbook.process import PROCESS

        PROCESS.stop()


def parse(arguments: Sequence[str]) -> tuple[Mapping[str, str], list[str]]:
    """Return the variables to set and the command to run.

    Raises:
        CommandInvalid: An option is unknown or has no value, or there is no command.
    """
    variables: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option, equals, value = rest.pop(0).partition("=")
        if option == "--":
            break
        if option not in OPTIONS:
            raise CommandInvalid(f"unknown option {option}; options are {', '.join(OPTIONS)}")
        if not equals:
            if not rest:
                raise CommandInvalid(f"{option} has no value; write {option}=VALUE")
            value = rest.pop(0)
        variables[OPTIONS[option]] = value
    if not rest:
        raise CommandInvalid("no command to run; write tollbook run python app.py")
    return variables, [sys.executable, *rest] if rest[0].endswith(".py") else rest


def environment_of(before: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the command.

    Raises:
        SettingInvalid: It holds a setting that cannot be used.
    """
    environment = {**before, **variables}
    read_settings(environment)
    # An empty entry of PYTHONPATH is the working directory; an empty PYTHONPATH has no entry.
    before_us = environment.get("PYTHONPATH", "")
    paths = [p for p in before_us.split(os.pathsep) if p != STARTUP] if before_us else []
    environment["PYTHONPATH"] = os.pathsep.join([STARTUP, *paths])
    return environment


def main(arguments: Sequence[str]) -> int:
    """Become the command that the arguments after `tollbook run` name; return only if it cannot.

    Returns:
        2: the command line or a setting cannot be used; 126, 127: the command cannot be run, is not
        there.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    try:
        variables, command = parse(arguments)
        environment = environment_of(os.environ, variables)
    except (CommandInvalid, SettingInvalid) as error:
        sys.stderr.write(f"tollbook run: {error}\n")
        return EXIT_USAGE
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        sys.stderr.write(f"tollbook run: {command[0]} is not there; write tollbook run python …\n")
        return EXIT_NOT_FOUND
    # What was printed so far, by a sitecustomize of the program's, would be lost with this process.
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, command, environment)
    except OSError as error:
        sys.stderr.write(f"tollbook run: {program} cannot be run: {error}\n")
    return EXIT_NOT_EXECUTABLE
