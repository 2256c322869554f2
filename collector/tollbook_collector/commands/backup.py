"""The commands of `tollbook backup`: make one while the collector runs, and restore it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from tollbook_collector.commands.ask import send
from tollbook_collector.commands.options import DEFAULT_API, EXIT_FAILED, Api, AsJson
from tollbook_collector.settings import Settings

# A backup on another disk is copied.
TIMEOUT_S: Final = 3_600.0

commands = typer.Typer(name="backup", help="Backups of the embedded store.", no_args_is_help=True)


@commands.command()
def create(
    name: Annotated[str, typer.Option(help="Of the backup. [the time]")] = "",
    api: Api = DEFAULT_API,
    as_json: AsJson = False,
) -> None:
    """Make a backup in DATA/backups of a running collector; senders notice nothing."""
    name = name or datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    made = json.loads(send(api, "POST", "/v1/backups", "", timeout_s=TIMEOUT_S, name=name))
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo(
        f"{made['path']}: {made['bytes'] / 1e6:,.1f} MB in {made['files']:,} files,"
        f" {made['rows'].get('spans', 0):,} spans, as of {made['taken_at'][:19]} UTC\n"
        f"Copy it away; restore it with: tollbook backup restore {made['path']} --data NEW"
    )


@commands.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="Directory of the backup.")],
    data: Annotated[Path | None, typer.Option(help="Empty directory. [./tollbook-data]")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a collector's directory of a backup; start one on it then."""
    from tollbook_collector.store.backup import BackupDamaged, BackupRefused
    from tollbook_collector.store.backup import restore as restored

    target = data or Settings().data
    try:
        found = restored(backup, target)
    except (BackupDamaged, BackupRefused, OSError) as failure:
        typer.echo(f"tollbook: {failure}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        typer.echo(json.dumps({**asdict(found), "files": len(found.files)}))
        return
    typer.echo(
        f"{target} is as of {found.taken_at[:19]} UTC, with {found.rows.get('spans', 0):,} spans\n"
        f"Next: tollbook up --data {target}"
    )
