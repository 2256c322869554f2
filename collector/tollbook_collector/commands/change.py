"""The command `tollbook change`: why spend changed between two periods."""

import json
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson

EFFECTS: Final = ("volume", "mix", "length", "cache", "price")

console = Console()
commands = typer.Typer()


@commands.command()
def change(
    before: Annotated[str, typer.Option(help="2026-10, or 2026-10-01..2026-10-15.")],
    after: Annotated[str, typer.Option(help="The period that is compared with it.")],
    by: Annotated[str, typer.Option(help="Dimensions, as model or team,model.")] = "model",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show what volume, mix, length, cache and price did to spend between two periods."""
    answer = ask_json(api, "/v1/change", before=before, after=after, by=by)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    screens.show(console, _table(answer, by.split(","), f"From {before} to {after}"))


def _table(answer: dict[str, Any], by: list[str], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column(", ".join(by), overflow="fold", min_width=16)
    # An effect that nothing has takes no room: terminals are narrow.
    effects = [
        name for name in EFFECTS if any(Decimal(row["effects_usd"][name]) for row in answer["rows"])
    ]
    for name in ("before", "after", "change", *effects):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        segment = ", ".join(row["dimensions"][dimension] or "—" for dimension in by)
        costs = [row["before"]["cost_usd"], row["after"]["cost_usd"]]
        table.add_row(Text(segment), *_amounts(row, costs, effects))
    total = answer["total"]
    table.add_section()
    costs = [total["before_usd"], total["after_usd"]]
    table.add_row("total", *_amounts(total, costs, effects), style="bold")
    return table


def _amounts(row: dict[str, Any], costs: list[str], effects: list[str]) -> list[str]:
    changes = [row["delta_usd"], *(row["effects_usd"][name] for name in effects)]
    signed = [f"{'+' if Decimal(text) > 0 else ''}{screens.money(text)}" for text in changes]
    return [*(screens.money(cost) for cost in costs), *signed]
