"""The commands of `tollbook quarantine`: what the store refused, and trying it again."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from google.protobuf.message import DecodeError

from tollbook_collector.commands.options import EXIT_FAILED
from tollbook_collector.intake.signals import SIGNALS
from tollbook_collector.spool.quarantine import NotQuarantined, listing, refused, retry

DATA: Final = Path("tollbook-data")

commands = typer.Typer(
    name="quarantine", help="Requests that the store refused, kept on disk.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option(envvar="TOLLBOOK_DATA", help="Directory of the spool.")]
Name = Annotated[str, typer.Argument(help="As `list` shows it, or all.")]


@commands.command("list")
def show_list(data: Data = DATA) -> None:
    """Print what is in quarantine as JSON, one a line, oldest first."""
    typer.echo(listing(refused(data / "spool")), nl=False)


@commands.command("show")
def show_one(
    name: Annotated[str, typer.Argument(help="As `list` shows it.")], data: Data = DATA
) -> None:
    """Print one request as protobuf's text, or as it is when protobuf cannot read it."""
    found = [entry for entry in refused(data / "spool") if entry.name == name]
    if not found:
        _fail(f"{name} is not in quarantine; tollbook quarantine list shows what is")
    entry = found[0]
    signal = next(signal for signal in SIGNALS if signal.name == entry.signal)
    try:
        typer.echo(str(signal.request.FromString(entry.envelope.request)), nl=False)
    except DecodeError:
        sys.stdout.buffer.write(entry.envelope.request)


@commands.command("retry")
def try_again(name: Name, data: Data = DATA) -> None:
    """Let the store have it again: a running collector takes it up within seconds."""
    try:
        count = retry(data / "spool", name)
    except NotQuarantined as failure:
        _fail(str(failure))
    typer.echo(f"{count} to be tried again")


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(EXIT_FAILED)
