"""The commands of `tollbook quarantine`: what the store refused, and trying it again."""

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from tollbook_collector.commands.options import EXIT_FAILED, AsJson
from tollbook_collector.intake.signals import SIGNALS
from tollbook_collector.spool.quarantine import NotQuarantined, listing, refused, retry

DATA: Final = Path("tollbook-data")

commands = typer.Typer(
    name="quarantine", help="Requests that the store refused, kept on disk.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option(envvar="TOLLBOOK_DATA", help="Directory of the spool.")]
Name = Annotated[str, typer.Argument(help="As `list` shows it, or all.")]


@commands.command("list")
def show_list(data: Data = DATA, as_json: AsJson = False) -> None:
    """Print what is in quarantine as JSON, one a line, oldest first; --json changes nothing."""
    typer.echo(listing(refused(data / "spool")), nl=False)


@commands.command("show")
def show_one(
    name: Annotated[str, typer.Argument(help="As `list` shows it.")],
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Print one request as protobuf's text, or as it is when protobuf cannot read it.

    In JSON it is `request` as OTLP says it, and `content` in base64 when it cannot be read.
    """
    found = [entry for entry in refused(data / "spool") if entry.name == name]
    if not found:
        _fail(f"{name} is not in quarantine; tollbook quarantine list shows what is")
    entry = found[0]
    signal = next(signal for signal in SIGNALS if signal.name == entry.signal)
    try:
        request = signal.request.FromString(entry.envelope.request)
    except DecodeError:
        if as_json:
            content = base64.b64encode(entry.envelope.request).decode()
            typer.echo(json.dumps({**entry.described(), "request": None, "content": content}))
        else:
            sys.stdout.buffer.write(entry.envelope.request)
        return
    if as_json:
        typer.echo(json.dumps({**entry.described(), "request": MessageToDict(request)}))
    else:
        typer.echo(str(request), nl=False)


@commands.command("retry")
def try_again(name: Name, data: Data = DATA, as_json: AsJson = False) -> None:
    """Let the store have it again: a running collector takes it up within seconds."""
    try:
        count = retry(data / "spool", name)
    except NotQuarantined as failure:
        _fail(str(failure))
    typer.echo(json.dumps({"retried": count}) if as_json else f"{count} to be tried again")


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(EXIT_FAILED)
