"""The commands `tollbook budgets` and `forecast`: what may be spent, was, and will have been."""

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

console = Console()

# Columns of a terminal from which on the interval of a forecast is shown.
RANGE_COLUMNS: Final = 124


def budgets(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show what may be spent, what was, and what is to be expected."""
    answer = ask_json(api, "/v1/budgets")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(
            "No budget is in force. Write one into tollbook.toml, which is read within seconds:"
        )
        console.print(Text('    [[budgets]]\n    name = "all"\n    usd = 500', style="bold"))
        return
    screens.show(console, _table(answer["rows"]), _notes(answer["rows"]))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Budgets", title_justify="left", title_style="bold", box=None)
    table.add_column("budget", overflow="fold", min_width=10)
    table.add_column("over", overflow="fold", min_width=9)
    # What a budget is at and how it stands is seen in any terminal.
    wide = console.width >= screens.WIDE_COLUMNS
    if wide:
        table.add_column("until", no_wrap=True)
    for name in ("limit", "spent", "used", "expected"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for row in rows[: screens.TERMINAL_ROWS_MAX]:
        used = Decimal(row["spent_usd"]) / Decimal(row["limit_usd"])
        table.add_row(
            Text(row["budget"]),
            Text(_over(row)),
            *[row["period_ends_at"][:10]] * wide,
            screens.money(row["limit_usd"]),
            screens.money(row["spent_usd"]) + (" + ?" if row["unpriced_calls"] else ""),
            f"{used:.0%}",
            _expected(row, ranged=console.width >= RANGE_COLUMNS),
            _state(row),
        )
    return table


def _over(row: dict[str, Any]) -> str:
    chosen = [f"{name}={'|'.join(values)}" for name, values in row["chosen"].items()]
    each = [f"{row['dimension']}={row['value'] or '—'}"] if row["dimension"] else []
    return ", ".join([*chosen, *each]) or "all calls"


def _expected(row: dict[str, Any], *, ranged: bool) -> str:
    if row["forecast_usd"] is None or not ranged:
        return screens.money(row["forecast_usd"])
    low, high = screens.money(row["forecast_low_usd"]), screens.money(row["forecast_high_usd"])
    return f"{screens.money(row['forecast_usd'])} ({low} to {high})"


def _state(row: dict[str, Any]) -> Text:
    if Decimal(row["remaining_usd"]) < 0:
        return Text("exceeded", style="bold red")
    if row["burning"]:
        return Text(f"burning {row[row['burning'] + '_burn']:.1f} times", style="red")
    if Decimal(row["crossed"]):
        return Text(f"over {Decimal(row['crossed']):.0%}", style="yellow")
    return Text("within", style="green")


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    if unpriced := sum(row["unpriced_calls"] for row in rows):
        calls = "1 call has" if unpriced == 1 else f"{unpriced} calls have"
        notes.append(f"{calls} no known price, and what was spent lacks it")
    if (left_out := len(rows) - screens.TERMINAL_ROWS_MAX) > 0:
        notes.append(f"{left_out} more budgets; all of them with --json")
    return notes


def forecast(
    by: Annotated[str, typer.Option(help="A dimension, as team; without one: all spend.")] = "",
    period: Annotated[str, typer.Option(help="day, week or month.")] = "month",
    zone: Annotated[str, typer.Option(help="IANA time zone of the calendar.")] = "UTC",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show what will have been spent when the day, week or month ends."""
    answer = ask_json(api, "/v1/forecast", by=by, period=period, zone=zone)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    table = Table(title=f"This {period}", title_justify="left", title_style="bold", box=None)
    table.add_column(by or "spend", overflow="fold")
    for name in ("spent", "expected", "80 % interval", "error in the past"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        known = row["forecast_usd"] is not None
        low, high = row["forecast_low_usd"], row["forecast_high_usd"]
        error = row["forecast_error"]
        table.add_row(
            Text(row["value"] or "—" if by else "all"),
            screens.money(row["spent_usd"]) + (" + ?" if row["unpriced_calls"] else ""),
            screens.money(row["forecast_usd"]) if known else "—",
            f"{screens.money(low)} to {screens.money(high)}" if known else "—",
            "—" if error is None else f"{error:.0%} of {row['back_tests']}",
        )
    unknown = any(row["forecast_usd"] is None for row in answer["rows"])
    notes = ["— needs two days of spend"] if unknown or not answer["rows"] else []
    screens.show(console, table, notes)
