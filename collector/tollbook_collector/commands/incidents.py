"""The commands of `tollbook incidents`: what happened, and who does what about it."""

import getpass
import json
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands import screens
from tollbook_collector.commands.ask import ask_json, tell_json
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson

STYLES: Final = {"critical": "bold red", "warning": "yellow", "info": "dim"}

app = typer.Typer(help="What happened, what it costs, and who has it.", invoke_without_command=True)
console = Console()

Incident = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]
Note = Annotated[str, typer.Option(help="Words for the history.")]
By = Annotated[str, typer.Option(help="Who says so. [the user of this shell]")]


Status = Annotated[str, typer.Option(help="open, resolved or all.")]
Everything = Annotated[bool, typer.Option("--all", help="Resolved ones and parts of others too.")]


@app.callback()
def incidents(
    context: typer.Context,
    status: Status = "open",
    everything: Everything = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show incidents, the most pressing first."""
    if not context.invoked_subcommand:
        show_list(status, everything, as_json, api)


@app.command("list")
def show_list(
    status: Status = "open",
    everything: Everything = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show incidents, the most pressing first."""
    asked = {"status": "all", "suppressed": "true"} if everything else {"status": status}
    answer = ask_json(api, "/v1/incidents", **asked)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print("Nothing is wrong." if status == "open" else "There is none.")
        return
    table = Table(title="Incidents", title_justify="left", title_style="bold", box=None)
    for name in ("incident", "severity", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="fold", min_width=24)
    table.add_column("so far", justify="right", no_wrap=True)
    table.add_column("by month end", justify="right", no_wrap=True)
    table.add_column("owner", overflow="fold")
    for row in answer["rows"][: screens.TERMINAL_ROWS_MAX]:
        table.add_row(
            row["incident"],
            Text(row["severity"], style=STYLES[row["severity"]]),
            "snoozed" if row["snoozed_until"] else row["status"],
            Text(row["title"] + (f" (part of {row['parent']})" if row["parent"] else "")),
            _money(row["so_far_usd"]),
            _money(row["projected_usd"]),
            Text(row["owner"]),
        )
    left_out = len(answer["rows"]) - screens.TERMINAL_ROWS_MAX
    screens.show(console, table, [f"{left_out} more; --json has them"] if left_out > 0 else [])


@app.command("show")
def show_one(incident: Incident, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show one incident with its history."""
    answer = ask_json(api, f"/v1/incidents/{incident}")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    console.print(Text(answer["title"], style="bold"))
    console.print(Text(answer["explanation"]), soft_wrap=True)
    facts = {
        "incident": answer["incident"],
        "status": answer["status"],
        "severity": answer["severity"],
        "kind": f"{answer['kind']} ({answer['channel']})",
        "about": ", ".join(f"{k}={v}" for k, v in answer["dimensions"].items()) or "all calls",
        "since": answer["started_at"],
        "so far": _money(answer["so_far_usd"]),
        "by month end": _money(answer["projected_usd"]),
        "why": _why(answer["evidence"].get("decomposition_usd", {})),
        "owner": answer["owner"] or "—",
        "part of": answer["parent"],
        "parts": ", ".join(answer["parts"]),
        "snoozed until": answer["snoozed_until"],
        "feedback": answer["feedback"],
    }
    for name, value in facts.items():
        if value:
            console.print(Text(f"  {name:<14}{value}"), soft_wrap=True)
    table = Table(box=None)
    for name in ("when", "what", "who", "note"):
        table.add_column(name, overflow="fold")
    for event in answer["history"]:
        table.add_row(
            event["at"][:19].replace("T", " "),
            event["event"],
            Text(event["actor"]),
            Text(event["note"]),
        )
    console.print(table)


@app.command("ack")
def acknowledge(
    incident: Incident,
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Take an incident: it is yours, and it is not told again unless it gets worse."""
    _act(api, incident, "acknowledge", note, by, "", as_json)


@app.command()
def resolve(
    incident: Incident,
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """End an incident; its findings do not open it again unless they get worse."""
    _act(api, incident, "resolve", note, by, "", as_json)


@app.command()
def snooze(
    incident: Incident,
    length: Annotated[str, typer.Argument(help="How long: 90m, 8h, 3d.")],
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Send nothing about an incident for a while."""
    _act(api, incident, "snooze", note, by, length, as_json)


@app.command()
def note(
    incident: Incident,
    text: Annotated[str, typer.Argument(help="Words for the history.")],
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Write something into the history of an incident."""
    _act(api, incident, "note", text, by, "", as_json)


@app.command()
def owner(
    incident: Incident,
    who: Annotated[str, typer.Argument(help="Who has it from now on.")],
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Give an incident to somebody."""
    _act(api, incident, "owner", note, by, who, as_json)


@app.command()
def feedback(
    incident: Incident,
    what: Annotated[str, typer.Argument(help="expected, real or planned.")],
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Say what an incident was; one that is expected or planned is not told again."""
    _act(api, incident, "feedback", note, by, what, as_json)


def _act(
    api: str, incident: str, action: str, note: str, by: str, value: str, as_json: bool
) -> None:
    body = {"note": note, "actor": by or _user(), "value": value}
    answer = tell_json(api, f"/v1/incidents/{incident}/{action}", body)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        console.print(f"{answer['incident']} is {answer['status']}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _money(value: Any) -> str:
    return "—" if value is None else screens.money(value)


def _why(decomposition: dict[str, str]) -> str:
    """Return what made the difference, largest first.

    >>> _why({"requests": "1.5", "mix": "0", "unit_price": "-0.25"})
    'requests +$1.50, unit price -$0.2500'
    """
    parts = sorted(decomposition.items(), key=lambda part: -abs(Decimal(part[1])))
    return ", ".join(
        f"{name.replace('_', ' ')} {'+' if Decimal(usd) > 0 else '-'}{_money(usd.lstrip('-'))}"
        for name, usd in parts
        if Decimal(usd)
    )
