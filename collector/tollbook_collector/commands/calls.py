"""The commands `tollbook calls`, `tail` and `trace`: model calls one by one, also as they come."""

import json
import time
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api, Since
from tollbook_collector.commands.steps import calls_told, tree_of

# Calls between two looks; more of them are counted and not shown.
TAIL_CALLS_MAX: Final = 200
COLUMNS: Final = ("time (UTC)", "service", "model", "team", "in", "out", "took", "cost")
# Of a line that tails, for a terminal of so many columns and for a narrower one.
TAIL_COLUMNS: Final = 119
TAIL_WIDTHS: Final = (23, 16, 26, 12, 7, 7, 9, 12)
NARROW_TAIL_WIDTHS: Final = (8, 9, 20, 8, 6, 6, 7, 9)

app = typer.Typer(help="Model calls one by one.", invoke_without_command=True)
console = Console()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, a call a line where it tails.")]
Model = Annotated[list[str] | None, typer.Option(help="Of these models; again for more.")]
Team = Annotated[list[str] | None, typer.Option(help="Of these teams.")]
Service = Annotated[list[str] | None, typer.Option(help="Of these services.")]
Only = Annotated[str, typer.Option(help="failed or unpriced; empty: all.")]


@app.callback()
def calls(
    context: typer.Context,
    since: Since = "24h",
    order: Annotated[str, typer.Option(help="time, cost or duration; the most first.")] = "time",
    model: Model = None,
    team: Team = None,
    service: Service = None,
    only: Only = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show calls: the newest, the dearest or the slowest."""
    if context.invoked_subcommand:
        return
    answer = ask_json(
        api,
        "/v1/calls",
        since=since,
        order=order,
        only=only,
        limit=str(limit),
        model=model or [],
        team=team or [],
        service=service or [],
    )
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(f"No such call in the last {since}.")
        return
    table = _table()
    for row in answer["rows"]:
        table.add_row(*_cells(row))
    notes = (
        ["there are more; all of them with tollbook sql … --format csv"] if answer["after"] else []
    )
    screens.show(console, table, notes)


@app.command()
def tail(
    model: Model = None,
    team: Team = None,
    service: Service = None,
    only: Only = "",
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    last: Annotated[int, typer.Option(min=0, max=200, help="Calls to begin with.")] = 10,
    count: Annotated[int, typer.Option(min=0, help="End after so many; 0: with Ctrl-C.")] = 0,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show calls as they come, until Ctrl-C."""
    shown = 0
    wanted = {"model": model or [], "team": team or [], "service": service or []}
    seen: dict[tuple[str, str], None] = {}
    limit = TAIL_CALLS_MAX
    while True:
        answer = ask_json(api, "/v1/calls", since="10m", only=only, limit=str(limit), **wanted)
        new = [row for row in answer["rows"] if (row["trace"], row["span"]) not in seen]
        first = not seen
        seen.update(dict.fromkeys((row["trace"], row["span"]) for row in reversed(new)))
        for key in list(seen)[: max(0, len(seen) - 100 * TAIL_CALLS_MAX)]:
            del seen[key]
        for row in reversed(new[:last] if first else new):
            _line(row, as_json)
            shown += 1
            if count and shown >= count:
                return
        if len(new) == limit and not first:
            typer.echo(f"… and more than {limit} calls at once; not all are shown", err=True)
        time.sleep(every)


@app.command()
def trace(
    trace_id: Annotated[str, typer.Argument(help="Its id, or a call of it as TRACE/SPAN.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show what a trace cost, and its spans as a tree."""
    trace_id = trace_id.partition("/")[0]
    whole = ask_json(api, f"/v1/traces/{quote(trace_id, safe='')}/cost")
    spans = ask_json(api, f"/v1/traces/{quote(trace_id, safe='')}")["rows"]
    if as_json:
        typer.echo(json.dumps({**whole, "rows": spans}))
        return
    cost = "cost unknown" if whole["cost_usd"] is None else screens.money(whole["cost_usd"])
    unpriced = " + ?" if whole["unpriced_calls"] and whole["cost_usd"] is not None else ""
    title = Text.assemble(
        (f"trace {trace_id}", "bold"), f"  {cost}{unpriced}  {calls_told(whole['calls'])}"
    )
    console.print(tree_of(title, spans))
    if len(spans) < whole["spans"]:
        console.print(f"the first {len(spans)} of {whole['spans']} spans; the sum is of all")


def _line(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(row))
        return
    cells = [cell.plain if isinstance(cell, Text) else cell for cell in _cells(row)]
    widths = TAIL_WIDTHS
    if console.width < TAIL_COLUMNS and console.is_terminal:
        widths = NARROW_TAIL_WIDTHS
        cells[0] = row["started_at"][11:19]
        # Names may be cut, and numbers may not.
        names = [_cut(cell, width) for cell, width in zip(cells[:4], widths, strict=False)]
        cells = names + cells[4:]
    text = " ".join(
        cell.ljust(width) if number < 4 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    console.print(Text(text, style="red" if row["failed"] else ""), soft_wrap=True)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number < 4 else "right", overflow="fold")
    return table


def _cells(row: dict[str, Any]) -> list[Text | str]:
    cost = screens.money(row["cost_usd"]) if row["cost_usd"] is not None else "—"
    if row["failed"]:
        cost = row["error_type"] or "failed"
    return [
        row["started_at"][:23].replace("T", " "),
        Text(row["service"] or "—"),
        Text(row["model"] or "—"),
        Text(row["team"] or "—"),
        "—" if row["input_tokens"] is None else screens.count(row["input_tokens"]),
        "—" if row["output_tokens"] is None else screens.count(row["output_tokens"]),
        screens.milliseconds(row["duration_ns"] / 1e6),
        Text(cost, style="red" if row["failed"] else ""),
    ]
