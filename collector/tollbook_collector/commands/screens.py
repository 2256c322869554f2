"""What the command line shows: tables of spend, latency and rows, for people and for pipes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Rows that a terminal shows; the rest is counted, and there in JSON or CSV.
TERMINAL_ROWS_MAX: Final = 200
# Below it a terminal is narrow, and tables of several dimensions are without their tokens.
WIDE_COLUMNS: Final = 100
TOKENS: Final = {
    "input": "input_tokens",
    "cached": "cache_read_tokens",
    "output": "output_tokens",
}


def money(cost_usd: str | Decimal | None) -> str:
    """Return a cost for reading: cents from a dollar on, more digits below; — is unknown."""
    if cost_usd is None:
        return "—"
    value = Decimal(cost_usd)
    if value == 0 or abs(value) >= 1:
        return f"${value:,.2f}"
    return f"${value:,.4f}" if abs(value) >= Decimal("0.01") else f"${value:,.6f}"


def count(number: int) -> str:
    """Return a count for reading: 950, 12.3k, 4.56M."""
    value = float(number)
    for unit in ("", "k", "M", "G"):
        if value < 999.5:
            return f"{value:.0f}" if unit == "" else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}T"


def milliseconds(value: float | None) -> str:
    """Return a duration for reading."""
    if value is None:
        return "—"
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.1f} s"


def spend_table(
    answer: dict[str, Any], by: Sequence[str], title: str, columns: int = WIDE_COLUMNS
) -> Table:
    """Return spend by dimensions as a table with its total; `columns`: of the terminal."""
    table = _table(title)
    tokens = tuple(TOKENS) if columns >= WIDE_COLUMNS or len(by) == 1 else ()
    for dimension in by:
        table.add_column(dimension, overflow="fold")
    for name in ("calls", "errors", *tokens, "cost", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    total = answer["total"]
    rows = answer["rows"][:TERMINAL_ROWS_MAX]
    for row in rows:
        values = [row["dimensions"][dimension] or "—" for dimension in by]
        table.add_row(*values, *_numbers(row, Decimal(total["cost_usd"] or 0), tokens))
    table.add_section()
    table.add_row("total", *[""] * (len(by) - 1), *_numbers(total, None, tokens), style="bold")
    return table


def spend_notes(answer: dict[str, Any]) -> list[str]:
    """Return what a reader of the table must know besides: unknown cost, rows left out."""
    notes = []
    unpriced = answer["total"]["unpriced_calls"]
    if unpriced:
        calls = "1 call has" if unpriced == 1 else f"{unpriced} calls have"
        notes.append(
            f"{calls} no known price and {'is' if unpriced == 1 else 'are'} not in the cost:"
            ' tollbook sql "SELECT provider, model, unpriced_reason, count() FROM calls'
            " WHERE price_status = 'unpriced' AND unpriced_reason != 'failed' GROUP BY ALL\""
        )
    left_out = len(answer["rows"]) - TERMINAL_ROWS_MAX
    if left_out > 0:
        notes.append(f"{left_out} more rows; all of them with --json")
    return notes


def latency_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """Return latency by model as a table."""
    table = _table(f"{title} (first: to the first chunk of a stream)")
    table.add_column("model", overflow="fold")
    for name in ("calls", "p50", "p95", "p99", "first p50", "first p95"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows[:TERMINAL_ROWS_MAX]:
        columns = ("p50_ms", "p95_ms", "p99_ms", "first_chunk_p50_ms", "first_chunk_p95_ms")
        times = [milliseconds(row[column]) for column in columns]
        table.add_row(row["model"], count(row["calls"]), *times)
    return table


def rows_table(answer: dict[str, Any]) -> Table:
    """Return the answer to a statement (ClickHouse's JSONCompact) as a table."""
    table = _table("")
    for column in answer["meta"]:
        numeric = any(kind in column["type"] for kind in ("Int", "Float", "Decimal"))
        table.add_column(
            Text(column["name"]), justify="right" if numeric else "left", overflow="fold"
        )
    for row in answer["data"][:TERMINAL_ROWS_MAX]:
        # Values are a span's: shown as they are, never read as markup.
        table.add_row(*[Text("NULL" if value is None else str(value)) for value in row])
    return table


def show(console: Console, table: Table, notes: Sequence[str] = ()) -> None:
    """Print a table and its notes."""
    console.print(table)
    for note in notes:
        console.print(Text(note, style="yellow"))


def _table(title: str) -> Table:
    return Table(title=title or None, title_justify="left", title_style="bold", box=None)


def _numbers(
    row: dict[str, Any], total_usd: Decimal | None, tokens: Sequence[str]
) -> list[str | Text]:
    errors = Text(count(row["errors"]), style="red" if row["errors"] else "dim")
    cost = row["cost_usd"]
    shown = money(cost) if row["calls"] else "—"
    if row["unpriced_calls"]:
        shown += " + ?"
    share = "" if not total_usd or cost is None else f"{Decimal(cost) / total_usd:.1%}"
    return [
        count(row["calls"]),
        errors,
        *[count(row[TOKENS[name]]) for name in tokens],
        shown,
        share,
    ]
