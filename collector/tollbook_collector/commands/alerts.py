"""The commands of `tollbook alerts`: what was sent, what is dead, and a test."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json, tell_json
from tollbook_collector.commands.options import DEFAULT_API, EXIT_FAILED, Api, AsJson

STYLES: Final = {"delivered": "green", "dead": "red", "waiting": "yellow"}

app = typer.Typer(help="What was sent to whom, and what could not be.", no_args_is_help=True)
console = Console()


@app.command("list")
def show_list(
    state: Annotated[
        str, typer.Option(help="waiting, delivered, dead, muted or grouped; without: all.")
    ] = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show messages, newest first, also those that were kept back, and why."""
    _show(ask_json(api, "/v1/alerts", state=state), as_json)


@app.command()
def dead(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show messages that were given up after 75 hours, or that must not be sent."""
    _show(ask_json(api, "/v1/alerts", state="dead"), as_json)


@app.command()
def show(
    message: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show one message with each try to deliver it."""
    answer = ask_json(api, f"/v1/alerts/{message}")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    console.print(Text(f"{answer['message']} to {answer['webhook']}: {answer['title']}"))
    table = Table(box=None)
    for name in ("try", "when", "took", "status", "outcome", "error"):
        table.add_column(name, overflow="fold")
    for row in answer["tries"]:
        table.add_row(
            str(row["attempt"]),
            row["at"][:19].replace("T", " "),
            f"{row['took_ms']} ms",
            str(row["status"] or "—"),
            row["outcome"],
            Text(row["error"]),
        )
    screens.show(console, table)


@app.command()
def replay(
    message: Annotated[str, typer.Argument(help="Id of a dead message, its beginning, or all.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Try dead messages again, under the same ids."""
    answer = tell_json(api, "/v1/alerts/replay", {"message": message})
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        console.print(f"{len(answer['messages'])} to be tried again")


@app.command("test")
def send_test(
    webhook: Annotated[str, typer.Argument(help="Name of a webhook in tollbook.toml.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Send a test to a webhook, now, and say what came of it."""
    answer = tell_json(api, "/v1/alerts/test", {"webhook": webhook})
    if as_json:
        typer.echo(json.dumps(answer))
    elif answer["delivered"]:
        console.print(f"{webhook} took it, status {answer['status']}")
    else:
        console.print(Text(f"{webhook} did not take it: {answer['error']}", style="red"))
    if not answer["delivered"]:
        raise typer.Exit(EXIT_FAILED)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print("There is none.")
        return
    table = Table(title="Alerts", title_justify="left", title_style="bold", box=None)
    for name in ("message", "to", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="fold", min_width=24)
    table.add_column("why", overflow="fold")
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        state = f"{row['state']} ({row['attempts']})" if row["attempts"] > 1 else row["state"]
        table.add_row(
            row["message"][:16],
            row["webhook"] or "—",
            Text(state, style=STYLES.get(row["state"], "dim")),
            Text(f"{row['type']}: {row['title']}"),
            Text(row["reason"]),
        )
    screens.show(console, table)
