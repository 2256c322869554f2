"""The commands `tollbook runs` and `runs show`: what tasks of agents cost, step by step."""

import json
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson, Since
from tollbook_collector.commands.steps import calls_told, tree_of

app = typer.Typer(help="Runs of agents.", invoke_without_command=True)
console = Console()


@app.callback()
def runs(
    context: typer.Context,
    since: Since = "7d",
    name: Annotated[str, typer.Option(help="Of the agent task; empty: any.")] = "",
    order: Annotated[str, typer.Option(help="cost, time or calls; the most first.")] = "cost",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show runs, dearest first."""
    if context.invoked_subcommand:
        return
    answer = ask_json(api, "/v1/runs", since=since, run=name, order=order, limit=str(limit))
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(f"No run in the last {since}. A run is a block of a program:")
        console.print(Text('    with tollbook.run("refund-agent"): …', style="bold"))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("run", "id", "began (UTC)"):
        table.add_column(column, overflow="fold")
    for column in ("calls", "errors", "input", "output", "cost"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in answer["rows"]:
        table.add_row(
            Text(row["run"] or "—"),
            Text(row["run_id"]),
            row["first_call"][:16].replace("T", " "),
            screens.count(row["calls"]),
            Text(screens.count(row["errors"]), style="red" if row["errors"] else "dim"),
            screens.count(row["input_tokens"]),
            screens.count(row["output_tokens"]),
            screens.money(row["cost_usd"]) + (" + ?" if row["unpriced_calls"] else ""),
        )
    notes = [f"more than {limit}; --limit shows more"] if answer["after"] else []
    screens.show(console, table, [*notes, "tollbook runs show ID: one of them, step by step"])


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(help="Id of the run, as `tollbook runs` shows it.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show the steps of a run as a tree, each with what it and those under it cost."""
    answer = ask_json(api, f"/v1/runs/{quote(run_id, safe='')}")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    title = Text.assemble(
        (answer["run"] or run_id, "bold"),
        f"  {screens.money(answer['cost_usd'])}{' + ?' if answer['unpriced_calls'] else ''}"
        f"  {calls_told(answer['calls'])}",
        (f"  {answer['errors']} failed" if answer["errors"] else "", "red"),
    )
    console.print(tree_of(title, answer["steps"]))
