"""The command `tollbook savings`: what calls of the last 30 days would have cost otherwise."""

import json
from decimal import Decimal
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson

NAMES: Final = {
    "cache": "prompt caching",
    "repeat": "the same question once a day",
    "tier": "batch or flex",
    "model": "a cheaper model of the feature",
}

console = Console()
commands = typer.Typer()


@commands.command()
def savings(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show what calls of the last 30 days would have cost otherwise; the ways overlap."""
    answer = ask_json(api, "/v1/savings")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if answer["found_at"] is None:
        console.print("Calls have not been searched yet; the collector does it every six hours.")
        return
    ways = ", ".join(
        f"{NAMES[way['kind']]} {screens.money(way['saved_usd'])}"
        for way in answer["ways"]
        if Decimal(way["saved_usd"])
    )
    spent = screens.money(answer["cost_usd"])
    console.print(Text(f"Of {spent} in 30 days, each alone: {ways or 'nothing'}."), soft_wrap=True)
    left_out = len(answer["rows"]) - screens.TERMINAL_ROWS_MAX
    notes = [f"{left_out} more; --json has them"] if left_out > 0 else []
    screens.show(console, _table(answer["rows"]), notes)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None)
    # In a narrow terminal models are whole, and what they would have cost is left to be worked out.
    would = ("would cost",) if console.width >= screens.WIDE_COLUMNS else ()
    for name in ("way", "feature", "model", "instead"):
        table.add_column(name, overflow="fold")
    for name in ("calls", "cost", *would, "saved"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows[: screens.TERMINAL_ROWS_MAX]:
        table.add_row(
            row["kind"],
            Text(row["feature"] or "—"),
            Text(row["model"]),
            Text(row["instead"] or "—"),
            screens.count(row["calls"]),
            screens.money(row["cost_usd"]),
            *([screens.money(row["would_usd"])] if would else []),
            screens.money(row["saved_usd"]),
        )
    return table
