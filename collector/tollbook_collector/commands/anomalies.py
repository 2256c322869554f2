"""The commands `tollbook anomalies` and `detect`: what was found, and what would have been."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, EXIT_USAGE, Api, AsJson, Since
from tollbook_collector.commands.progress import working

console = Console()


def anomalies(
    since: Since = "7d",
    parts: Annotated[bool, typer.Option(help="Also those that another one explains.")] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show what the detectors found, newest first."""
    answer = ask_json(api, "/v1/anomalies", since=since, parts=str(parts).lower())
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(f"Nothing out of the ordinary in the last {since}.")
        return
    screens.show(console, _table(answer["rows"], f"Anomalies of the last {since}"))


def detect(
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Replay history; nothing is kept or told.")
    ] = False,
    since: Since = "30d",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Replay history and show what would have been told."""
    if not backtest:
        console.print(
            "The collector detects by itself; `tollbook detect --backtest` replays history."
        )
        raise typer.Exit(EXIT_USAGE)
    with working("replaying history", as_json):
        answer = ask_json(api, "/v1/anomalies/backtest", since=since)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(f"Nothing would have been told in the last {since}.")
        return
    screens.show(console, _table(answer["rows"], f"Would have been told in the last {since}"))


def _table(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("began (UTC)", no_wrap=True)
    table.add_column("until", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("dollars", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in rows[: screens.TERMINAL_ROWS_MAX]:
        table.add_row(
            _minute(row["started_at"]),
            _minute(row["ended_at"]) if row["ended_at"] else Text("goes on", style="red"),
            row["tier"],
            Text(row["channel"].replace("_", " ")),
            screens.money(row["so_far_usd"]) if row["so_far_usd"] else "—",
            Text(row["explanation"]),
        )
    return table


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
