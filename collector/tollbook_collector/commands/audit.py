"""The command `tollbook audit`: who saw and changed what."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson, Since

commands = typer.Typer()
console = Console()


@commands.command()
def audit(
    since: Since = "24h",
    actor: Annotated[str, typer.Option(help="Id of a key, or oidc:NAME; empty: any.")] = "",
    changes: Annotated[bool, typer.Option("--changes", help="Only what may change.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show who saw and changed what, newest first; needs an admin key."""
    answer = ask_json(
        api,
        "/v1/audit",
        since=since,
        actor=actor,
        changes=str(changes).lower(),
        limit=str(limit),
    )
    if as_json:
        typer.echo(json.dumps(answer))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("at (UTC)", "who", "role", "from", "what", "times", "status"):
        table.add_column(name, overflow="fold")
    for row in answer["rows"]:
        what = f"{row['method']} {row['path']} {row['detail']}".strip()
        table.add_row(
            row["at"][:19].replace("T", " "),
            Text(row["name"] or row["actor"]),
            row["role"],
            row["address"],
            Text(what[:300]),
            str(row["times"]),
            Text(str(row["status"]), style="red" if row["status"] >= 400 else ""),
        )
    screens.show(console, table)
