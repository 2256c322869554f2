"""The commands `tollbook showback` and `chargeback`: the charges of a month by cost centre."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from jinja2 import Environment, FileSystemLoader
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask
from tollbook_collector.commands.options import DEFAULT_API, EXIT_USAGE, Api, AsJson

FORMATS: Final = ("table", "csv", "parquet", "html", "json")
COLUMNS: Final = (
    "cost_centre",
    "source",
    "provider",
    "model",
    "service",
    "team",
    "feature",
    "customer",
    "calls",
    "cost_usd",
)
# A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")

console = Console()
commands = typer.Typer()

MonthName = Annotated[str, typer.Option("--month", help="As 2026-11.")]
Format = Annotated[str, typer.Option("--format", help="table, csv, parquet, html or json.")]


@commands.command()
def showback(
    month: MonthName,
    format_name: Format = "table",
    api: Api = DEFAULT_API,
    as_json: AsJson = False,
) -> None:
    """Show what each cost centre is charged in a month, by the rules of `allocation`."""
    format_name = "json" if as_json else format_name
    _write(_month(api, month, format_name), format_name, "Showback")


@commands.command()
def chargeback(
    month: MonthName,
    format_name: Format = "table",
    api: Api = DEFAULT_API,
    as_json: AsJson = False,
) -> None:
    """Write what each cost centre is charged for a closed month: it never changes again."""
    format_name = "json" if as_json else format_name
    answer = _month(api, month, format_name)
    if not answer["closed_at"]:
        _leave(f"{month} is open, and what is charged may change: tollbook close {month}", 1)
    _write(answer, format_name, "Chargeback")


def _month(api: str, month: str, format_name: str) -> dict[str, Any]:
    if format_name not in FORMATS:
        _leave(f"{format_name!r} is not a format; {', '.join(FORMATS)} are", EXIT_USAGE)
    if format_name == "parquet" and sys.stdout.isatty():
        _leave("parquet is for a file: … --format parquet > showback.parquet", EXIT_USAGE)
    answer: dict[str, Any] = json.loads(ask(api, f"/v1/months/{month}"))
    return answer


def _write(answer: dict[str, Any], format_name: str, title: str) -> None:
    lines = answer["allocation"]
    if format_name == "table":
        state = f"closed at {answer['closed_at']}" if answer["closed_at"] else "open: it may change"
        centres = cost_centres(lines)
        screens.show(console, _table(answer, centres, f"{title} of {answer['month']}, {state}"))
    elif format_name == "json":
        kept = {name: answer[name] for name in ("month", "closed_at", "calls", "cost_usd")}
        typer.echo(json.dumps({**kept, "cost_centres": cost_centres(lines), "lines": lines}))
    elif format_name == "csv":
        typer.echo(as_csv(lines), nl=False)
    elif format_name == "html":
        typer.echo(as_html(answer, title))
    else:
        sys.stdout.buffer.write(as_parquet(answer["month"], lines))


def cost_centres(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return calls, direct, shared and whole charge of each cost centre, dearest first."""
    sums: dict[str, dict[str, Any]] = {}
    for line in lines:
        name = line["cost_centre"]
        centre = sums.setdefault(name, {"calls": 0, "direct": Decimal(0), "shared": Decimal(0)})
        centre["calls"] += line["calls"]
        kind = "direct" if line["source"] == "direct" else "shared"
        centre[kind] += Decimal(line["cost_usd"])
    whole = {name: centre["direct"] + centre["shared"] for name, centre in sums.items()}
    return [
        {
            "cost_centre": name,
            "calls": sums[name]["calls"],
            "direct_usd": format(sums[name]["direct"], "f"),
            "shared_usd": format(sums[name]["shared"], "f"),
            "cost_usd": format(whole[name], "f"),
        }
        for name in sorted(sums, key=lambda name: (-whole[name], name))
    ]


def as_csv(lines: Sequence[dict[str, Any]]) -> str:
    """Return the lines as CSV; text that a spreadsheet would take for a formula is quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        words = [str(line[name]) for name in COLUMNS[:-2]]
        safe = [f"'{word}" if word.startswith(FORMULA_STARTS) else word for word in words]
        writer.writerow([*safe, line["calls"], line["cost_usd"]])
    return text.getvalue()


def as_html(answer: dict[str, Any], title: str) -> str:
    """Return the report as one page without anything from elsewhere."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    template = environment.get_template("showback.html")
    centres = cost_centres(answer["allocation"])
    return template.render(title=title, answer=answer, centres=centres, columns=COLUMNS)


def as_parquet(month: str, lines: Sequence[dict[str, Any]]) -> bytes:
    """Return the lines as Parquet; costs are decimals."""
    # It comes with the engine, and takes long to import.
    import pyarrow as arrow  # type: ignore[import-untyped]
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]

    columns: dict[str, Any] = {"month": arrow.array([month] * len(lines), arrow.string())}
    for name in COLUMNS[:-2]:
        columns[name] = arrow.array([line[name] for line in lines], arrow.string())
    columns["calls"] = arrow.array([line["calls"] for line in lines], arrow.int64())
    costs = [Decimal(line["cost_usd"]) for line in lines]
    columns["cost_usd"] = arrow.array(costs, arrow.decimal128(38, 12))
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink)
    return sink.getvalue()


def _table(answer: dict[str, Any], centres: Sequence[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("cost centre", overflow="fold")
    for name in ("calls", "direct", "shared", "charge", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    total = Decimal(answer["cost_usd"])
    for centre in centres:
        share = f"{Decimal(centre['cost_usd']) / total:.1%}" if total else ""
        amounts = [_amount(centre[name]) for name in ("direct_usd", "shared_usd", "cost_usd")]
        table.add_row(Text(centre["cost_centre"]), f"{centre['calls']:,}", *amounts, share)
    table.add_row(
        "total", f"{answer['calls']:,}", "", "", _amount(answer["cost_usd"]), style="bold"
    )
    return table


def _amount(text: str) -> str:
    return f"${Decimal(text).normalize():f}"


def _leave(message: str, status: int) -> NoReturn:
    typer.echo(f"tollbook: {message}", err=True)
    raise typer.Exit(status)
