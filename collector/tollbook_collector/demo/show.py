"""What the demo shows around the command line's tables: a title, findings, what is next."""

import shutil
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API
from tollbook_collector.demo.plan import SPEED_UP

# The hour that runs and the one before: a replay over the turn of an hour is in it as a whole.
SHOWN: Final = "1h"
DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"


def show_title(console: Console, calls: int, clients: Mapping[str, str]) -> None:
    """Say what is about to happen."""
    names = " and ".join(f"{name} {version}" for name, version in clients.items())
    console.print()
    console.print(Rule(Text("tollbook demo", style="bold"), align="left", style="dim"))
    console.print(
        Text(
            f"{calls:,} calls of two real services (Azure's public trace of November 2023), made"
            f" with the real clients {names}. One line meters each service. A local provider"
            " answers: no key is needed, nothing is billed, and nothing leaves this machine."
        )
    )
    console.print()


def show_findings(
    console: Console, api: str, rows: int, cost_usd: Decimal, seconds: float, calls_before: int
) -> None:
    """Show what was found: spend by model and by team, and latency."""
    result = Text.assemble(
        ("✓ ", "bold green"),
        (f"{rows:,} calls stored", "bold"),
        f" in {seconds:.1f} s, worth ",
        (f"${format(cost_usd.normalize(), 'f')}", "bold green"),
        ": exact, to the last digit.",
    )
    console.print(result)
    if calls_before:
        console.print(
            Text(
                f"The data directory held {calls_before:,} calls before; those of this hour are in"
                " the tables too.",
                style="yellow",
            )
        )
    for by, title in (("model", "Spend by model"), ("team,feature", "Spend by team and feature")):
        answer = ask_json(api, "/v1/spend", by=by, since=SHOWN)
        console.print()
        screens.show(
            console,
            screens.spend_table(answer, by.split(","), title),
            screens.spend_notes(answer),
        )
    latency = ask_json(api, "/v1/latency", since=SHOWN)
    console.print()
    screens.show(console, screens.latency_table(latency["rows"], "Latency by model"))
    console.print(
        Text(
            f"The local provider answers about {SPEED_UP} times as fast as a real one.", style="dim"
        )
    )
    console.print()


def show_next(console: Console, addresses: Mapping[str, str], provider: str, data: Path) -> None:
    """Show what to open and what to type next."""
    api, endpoint = addresses["api"], addresses["otlp_http"]
    option = "" if api == DEFAULT_API else f" --api {api}"
    command = _command()
    argument = "" if endpoint == DEFAULT_ENDPOINT else f'endpoint="{endpoint}"'
    console.print(Rule(Text("what next", style="bold"), align="left", style="dim"))
    _lines(
        console,
        "Ask, in another terminal",
        [
            f"{command} spend --by team,model --since 1h{option}",
            f"{command} spend --by customer --since 1h{option}",
            f"{command} sql{option}"
            ' "SELECT model, error_type, count() FROM calls WHERE failed GROUP BY ALL"',
        ],
    )
    _lines(console, "Open", [f"{api}/v1/spend?by=team,model", f"{api}/health"])
    _lines(
        console,
        "Meter your own program with one line, before its first call",
        [f"import tollbook; tollbook.instrument({argument})"],
    )
    _lines(
        console,
        "No key at hand? The demo's provider answers your program as well",
        [
            f"export OPENAI_BASE_URL={provider}/v1 OPENAI_API_KEY=demo",
            f"export ANTHROPIC_BASE_URL={provider} ANTHROPIC_API_KEY=demo",
        ],
    )
    kept = f"The calls are kept in {data.resolve()}; delete it to begin with nothing."
    console.print(Text(kept, style="dim"), soft_wrap=True)
    console.print(Text("Serving until Ctrl-C.", style="bold"))


def _lines(console: Console, heading: str, lines: list[str]) -> None:
    console.print(Text(heading))
    for line in lines:
        console.print(Text(f"    {line}", style="cyan"), soft_wrap=True)
    console.print()


def _command() -> str:
    """Return what to type for `tollbook`: the name, or the path where it is not on PATH."""
    installed = Path(sys.executable).with_name("tollbook")
    found = shutil.which("tollbook")
    if not installed.is_file() or (found and Path(found).samefile(installed)):
        return "tollbook"
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)
