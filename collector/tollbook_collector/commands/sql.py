"""The command `tollbook sql`: one statement, and its answer as a table, a chart or a file."""

import json
import sys
import uuid
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask, send
from tollbook_collector.commands.options import DEFAULT_API, EXIT_USAGE, Api

EXIT_INTERRUPTED: Final = 130
FORMATS: Final = ("table", "json", "csv", "parquet", "chart")
CHART_ROWS_MAX: Final = 60
NUMERIC: Final = ("Int", "Float", "Decimal")

commands = typer.Typer()
console = Console()


@commands.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT; - reads it from standard input.")],
    format_name: Annotated[
        str, typer.Option("--format", help="table, json, csv, parquet or chart.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    api: Api = DEFAULT_API,
) -> None:
    """Ask in SQL: over calls, spend, spans, rate_cards, …; Ctrl-C ends the statement."""
    text = sys.stdin.read() if statement == "-" else statement
    chosen = "json" if as_json else format_name
    if chosen not in FORMATS:
        _leave(f"{chosen!r} is not a format; {', '.join(FORMATS)} are")
    if chosen == "parquet" and sys.stdout.isatty():
        _leave("parquet is for a file: tollbook sql … --format parquet > calls.parquet")
    sent = "table" if chosen == "chart" else chosen
    name = uuid.uuid4().hex
    try:
        answer = ask(api, "/v1/sql", text, format=sent, name=name)
    except KeyboardInterrupt:
        send(api, "DELETE", f"/v1/sql/{name}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if chosen == "table":
        parsed = json.loads(answer)
        left_out = len(parsed["data"]) - screens.TERMINAL_ROWS_MAX
        notes = [f"{left_out} more rows; all of them with --format csv"] if left_out > 0 else []
        screens.show(console, screens.rows_table(parsed), notes)
    elif chosen == "chart":
        _draw(json.loads(answer))
    else:
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()


def _draw(answer: dict[str, Any]) -> None:
    """Print a bar for each row: its last number, beside everything that is none."""
    numeric = [
        number
        for number, column in enumerate(answer["meta"])
        if any(kind in column["type"] for kind in NUMERIC)
    ]
    if not numeric:
        _leave("a chart needs a column of numbers; the last one is drawn")
    drawn = numeric[-1]
    rows = answer["data"][:CHART_ROWS_MAX]
    values = [_number(row[drawn]) for row in rows]
    most = max((abs(value) for value in values if value is not None), default=Decimal(0))
    labels = [
        "  ".join(
            "—" if cell in (None, "") else str(cell) for n, cell in enumerate(row) if n != drawn
        )
        for row in rows
    ]
    width = max(10, console.width - min(40, max(map(len, labels), default=0)) - 24)
    table = Table(box=None, pad_edge=False, title=Text(answer["meta"][drawn]["name"]))
    table.show_header = False
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for label, value in zip(labels, values, strict=True):
        if value is None:
            # Even the thinnest bar would say that it is known, and nothing.
            table.add_row(Text(label), "—", Text())
            continue
        length = int(abs(value) * width / most) if most else 0
        style = "red" if value < 0 else "cyan"
        shown = format(value.normalize(), "f")
        table.add_row(Text(label), shown, Text("█" * length or "▏", style=style))
    left_out = len(answer["data"]) - len(rows)
    screens.show(
        console, table, [f"{left_out} more rows; LIMIT shows others"] if left_out > 0 else []
    )


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _leave(message: str) -> None:
    Console(stderr=True).print(Text(f"tollbook: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(EXIT_USAGE)
