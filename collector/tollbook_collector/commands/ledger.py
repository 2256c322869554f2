"""The commands `tollbook rerate`, `close` and `report`: changing charges, and freezing them."""

import json
import sys
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson
from tollbook_collector.commands.progress import working

SHOWN_MAX: Final = 15
# A million calls are priced anew in half a minute; the store itself gives up after five.
CHANGE_TIMEOUT_S: Final = 600.0

console = Console()
commands = typer.Typer()

Author = Annotated[
    str, typer.Option(envvar="TOLLBOOK_AUTHOR", help="Who does it; kept in the ledger.")
]
MonthName = Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-10.")]


@commands.command()
def rerate(
    since: Annotated[str, typer.Option("--from", help="First day, or an instant.")],
    until: Annotated[str, typer.Option("--to", help="Last day, or an instant. [now]")] = "",
    model: Annotated[str, typer.Option(help="Only these, as recorded: gpt-4o,gpt-5-mini.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and change nothing.")] = False,
    author: Author = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Price recorded calls anew at the prices in force; differences become adjustments."""
    parameters = {"since": since, "until": until, "model": model, "author": author}
    parameters |= {"reason": reason, "dry_run": str(dry_run).lower()}
    with working("pricing calls anew", as_json):
        body = ask(api, "/v1/rerate", "", timeout_s=CHANGE_TIMEOUT_S, **parameters)
    answer = json.loads(body)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    screens.show(console, _changes(answer), _rerate_notes(answer))


@commands.command()
def close(
    month: MonthName, author: Author = "", as_json: AsJson = False, api: Api = DEFAULT_API
) -> None:
    """Close a month: its report is kept as it is, and what comes later goes to the next one."""
    path = f"/v1/months/{month}/close"
    with working(f"closing {month}", as_json):
        body = ask(api, path, "", timeout_s=CHANGE_TIMEOUT_S, author=author)
    _print(body, as_json)


@commands.command()
def report(month: MonthName, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Print the report of a month: as it was closed, or as it stands."""
    _print(ask(api, f"/v1/months/{month}"), as_json)


def _print(body: bytes, as_json: bool) -> None:
    if as_json:
        # The bytes that were kept, and nothing else.
        sys.stdout.buffer.write(body)
        return
    answer = json.loads(body)
    state = f"closed at {answer['closed_at']}" if answer["closed_at"] else "open: it may change"
    console.print(Text(f"Charges of {answer['month']}, {state}", style="bold"))
    for column in ("kind", "model", "team", "service"):
        screens.show(console, _by(answer, column))
    console.print(Text(f"{len(answer['lines'])} lines; all of them with --json", style="dim"))


def _by(answer: dict[str, Any], column: str) -> Table:
    table = Table(box=None, title=None)
    table.add_column(column, min_width=24, overflow="fold")
    table.add_column("calls", justify="right")
    table.add_column("charge", justify="right")
    rows = answer[f"by_{column}"]
    for row in rows[:SHOWN_MAX]:
        table.add_row(Text(row[column] or "—"), f"{row['calls']:,}", f"${row['cost_usd']}")
    if rest := rows[SHOWN_MAX:]:
        others = sum((Decimal(row["cost_usd"]) for row in rest), Decimal(0))
        calls = sum(row["calls"] for row in rest)
        table.add_row(f"{len(rest)} others", f"{calls:,}", f"${others}")
    table.add_row("total", f"{answer['calls']:,}", f"${answer['cost_usd']}", style="bold")
    return table


def _changes(answer: dict[str, Any]) -> Table:
    title = f"Calls from {answer['since']} until {answer['until']}, priced anew"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    for name in ("model", "why"):
        table.add_column(name, overflow="fold")
    for name in ("calls", "old", "new", "delta"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        table.add_row(
            Text(f"{row['provider']}/{row['model']}"),
            row["why"],
            f"{row['calls']:,}",
            *(_amount(row[name]) for name in ("old_usd", "new_usd", "delta_usd")),
        )
    sums = [_amount(_total(answer, name)) for name in ("old_usd", "new_usd", "delta_usd")]
    calls = sum(row["calls"] for row in answer["rows"])
    table.add_row("total", "", f"{calls:,}", *sums, style="bold")
    return table


def _rerate_notes(answer: dict[str, Any]) -> list[str]:
    books = sorted({row["book_at"] for row in answer["rows"] if row["book_at"]})
    notes = [f"Prices: the book of {books[-1]}"] if books else []
    if answer["dry_run"]:
        return [*notes, "Nothing was changed: that was a dry run."]
    if not _total(answer, "delta_usd"):
        return [*notes, "Nothing was to be changed."]
    return [*notes, "The differences are in the table adjustments, and in charges."]


def _total(answer: dict[str, Any], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in answer["rows"]), Decimal(0))


def _amount(text: str | Decimal) -> str:
    return f"${Decimal(text).normalize():f}"
