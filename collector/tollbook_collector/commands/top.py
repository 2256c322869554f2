"""The command `tollbook top`: what is being spent right now, drawn again and again."""

import contextlib
import json
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import CollectorAway, CollectorRefused, ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api

# Keys that change the dimension while it runs.
KEYS: Final = {
    "m": "model",
    "t": "team",
    "s": "service",
    "f": "feature",
    "c": "customer",
    "p": "provider",
}
BARS: Final = " ▁▂▃▄▅▆▇█"
BUDGETS_MAX: Final = 8
BAR_WIDTH: Final = 30
LATENCY_SLOW_MS: Final = 10_000

commands = typer.Typer()
console = Console()


@commands.command()
def top(
    by: Annotated[
        str, typer.Option(help="model, team, service, feature, customer or provider.")
    ] = "model",
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How far back.")] = 10,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Draw it once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once and end.")] = False,
    api: Api = DEFAULT_API,
) -> None:
    """Watch spend, errors, latency and budgets, live; keys: m t s f c p change the view, q ends."""
    if as_json:
        typer.echo(json.dumps(_look(api, by, minutes)))
        return
    if once or not console.is_terminal:
        console.print(_screen(_look(api, by, minutes)))
        return
    shown = _screen(_look(api, by, minutes))
    with _keys() as pressed, Live(shown, console=console, screen=True, auto_refresh=False) as live:
        while (key := pressed(every)) != "q":
            by = KEYS.get(key, by)
            try:
                shown = _screen(_look(api, by, minutes))
            except (CollectorAway, CollectorRefused) as error:
                # It may come back; what was seen last stays.
                shown = Group(Text(str(error), style="red"), shown)
            live.update(shown, refresh=True)


def _look(api: str, by: str, minutes: int) -> dict[str, Any]:
    answer: dict[str, Any] = ask_json(api, "/v1/top", by=by, minutes=str(minutes))
    answer["budgets"] = ask_json(api, "/v1/budgets")["rows"]
    return answer


def _screen(answer: dict[str, Any]) -> RenderableType:
    rows, minutes = answer["rows"], answer["minutes"]
    known = [Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None]
    an_hour = sum(known, Decimal(0)) * 60 / minutes if known or not rows else None
    calls, errors = (sum(row[name] for row in rows) for name in ("calls", "errors"))
    head = Text.assemble(
        (f"{screens.money(an_hour)}/h", "bold"),
        f"  {screens.count(round(calls / minutes))} calls/min  ",
        (f"{errors / calls:.1%} errors" if calls else "no calls", "red" if errors else "dim"),
        f"  last {minutes} min  {time.strftime('%H:%M:%S', time.gmtime())} UTC",
    )
    parts: list[RenderableType] = [head, Text(_spark(answer), style="green"), _table(answer)]
    if answer["budgets"]:
        parts.append(_budgets(answer["budgets"]))
    parts.append(Text("m model  t team  s service  f feature  c customer  q end", style="dim"))
    return Group(*parts)


def _spark(answer: dict[str, Any]) -> str:
    """Return the dollars of each minute as bars, the oldest first."""
    minutes = answer["minutes"]
    costs = [Decimal(0)] * minutes
    for row in answer["by_minute"]:
        if row["minutes_ago"] < minutes:
            costs[minutes - 1 - row["minutes_ago"]] = Decimal(row["cost_usd"])
    most = max(costs)
    if not most:
        return ""
    return "".join(BARS[int(cost * (len(BARS) - 1) / most)] for cost in costs[-120:])


def _table(answer: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    wide = console.width >= screens.WIDE_COLUMNS
    table.add_column(answer["by"], overflow="fold", min_width=16)
    tokens = ("in", "out", "p50") if wide else ()
    for name in ("$/h", "spent", "calls", "errors", *tokens, "p95"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        cost = row["cost_usd"]
        an_hour = None if cost is None else Decimal(cost) * 60 / answer["minutes"]
        unknown = " + ?" if row["unpriced_calls"] else ""
        slow = (row["p95_ms"] or 0) >= LATENCY_SLOW_MS
        table.add_row(
            Text(row["value"] or "—"),
            screens.money(an_hour) + unknown,
            screens.money(cost),
            screens.count(row["calls"]),
            Text(screens.count(row["errors"]), style="red" if row["errors"] else "dim"),
            *_details(row, wide),
            Text(screens.milliseconds(row["p95_ms"]), style="yellow" if slow else ""),
        )
    if not answer["rows"]:
        table.add_row(Text("no call in this time", style="dim"))
    return table


def _details(row: dict[str, Any], wide: bool) -> list[str]:
    """Return tokens and the median, which a narrow terminal has no room for."""
    if not wide:
        return []
    tokens = [screens.count(row[name]) for name in ("input_tokens", "output_tokens")]
    return [*tokens, screens.milliseconds(row["p50_ms"])]


def _budgets(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("budget", "", "spent", "limit"):
        table.add_column(name, justify="right" if name in ("spent", "limit") else "left")
    for row in rows[:BUDGETS_MAX]:
        spent, limit = Decimal(row["spent_usd"]), Decimal(row["limit_usd"])
        over = spent >= limit
        bar = ProgressBar(
            total=float(limit) or 1.0,
            completed=min(float(spent), float(limit) or 1.0),
            width=BAR_WIDTH,
            complete_style="red" if over else "green",
            finished_style="red",
        )
        name = " ".join(filter(None, [row["budget"], row["value"]]))
        table.add_row(Text(name), bar, screens.money(spent), screens.money(limit))
    return table


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


@contextlib.contextmanager
def _keys() -> Iterator[Any]:
    """Yield what waits for a key, so many seconds at most; empty: none was pressed."""
    if not sys.stdin.isatty():
        yield _wait
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1) if ready else ""

    try:
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
