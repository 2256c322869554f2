"""`tollbook reconcile`: a provider's bill beside what was metered."""

import base64
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask
from tollbook_collector.commands.options import DEFAULT_API, EXIT_USAGE, Api

DAYS_SHOWN_MAX: Final = 60
CAUSES_SHOWN_MAX: Final = 10


def reconcile(
    files: Annotated[
        list[Path], typer.Argument(help="What the provider gives: JSON pages or CSV, also gzipped.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    api: Api = DEFAULT_API,
) -> None:
    """Compare a bill with what was metered: coverage, variance, and the causes by their worth.

    Files of one bill (usage and costs of the same days) are given together.
    """
    contents = []
    for file in files:
        try:
            content = base64.b64encode(file.read_bytes()).decode()
        except OSError as error:
            typer.echo(f"tollbook: {file} cannot be read: {error.strerror}", err=True)
            raise typer.Exit(EXIT_USAGE) from None
        contents.append({"name": file.name, "content": content})
    body = json.dumps({"files": contents})
    answer = json.loads(ask(api, "/v1/reconcile", body, "application/json"))
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        _show(answer, Console())


def _show(answer: dict[str, Any], console: Console) -> None:
    title = f"{', '.join(answer['forms'])}: {answer['lines']} lines"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    for name in ("day", "model", "tier"):
        table.add_column(name, overflow="fold")
    for name in ("metered", "billed", "coverage", "cost", "bill", "variance"):
        table.add_column(name, justify="right", no_wrap=True)
    for day in answer["days"][:DAYS_SHOWN_MAX]:
        table.add_row(
            day["day"],
            Text(f"{day['provider']} {day['model']}"),
            Text(day["service_tier"]),
            screens.count(int(float(day["our_tokens"]))),
            _count(day["their_tokens"]),
            "—" if day["coverage"] is None else f"{day['coverage']:.1%}",
            screens.money(day["our_usd"]),
            _money(day["their_usd"]),
            _money(day["variance_usd"]),
        )
    notes = []
    if (more := len(answer["days"]) - DAYS_SHOWN_MAX) > 0:
        notes.append(f"{more} more rows; all of them with --json")
    screens.show(console, table, notes)
    if not answer["ranked"]:
        console.print("The bill and the meter agree.")
        return
    console.print(Text("Why they differ, by what it is worth", style="bold"))
    for one in answer["ranked"]:
        console.print(
            Text(f"  {screens.money(str(one['usd'])):>12}  {one['cause']}: {one['meaning']}")
        )
    for one in answer["causes"][:CAUSES_SHOWN_MAX]:
        console.print(
            Text(
                f"    {one['cause']}: {one['provider']} {one['model']} {one['token_class']},"
                f" {one['tokens']:,.0f} tokens, {screens.money(str(one['usd']))}",
                style="dim",
            ),
            soft_wrap=True,
        )


def _count(value: str | None) -> str:
    return "—" if value is None else screens.count(int(float(value)))


def _money(value: str | None) -> str:
    return "—" if value is None else screens.money(value)
