"""The commands of `tollbook keys`: who may send, ask and manage.

With --data they work on the directory of a collector on this machine, which takes the change up
within two seconds, running or not; else they ask a running collector, with an admin key. Where none
runs, the directory is the way: so the very first key is made.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tollbook_collector.commands.ask import CollectorAway, send
from tollbook_collector.commands.options import DEFAULT_API, EXIT_FAILED, EXIT_USAGE, Api, AsJson
from tollbook_collector.intake.key_desk import KeyDesk, NoSuchKey
from tollbook_collector.intake.key_file import KeyFile, KeyFileUnusable
from tollbook_collector.intake.keys import EVERY_TENANT, INGEST, Key, Limits, WrongKeyRequest
from tollbook_collector.settings import OPEN_TENANT, Settings

_SPAN: Final = re.compile(r"(\d{1,5})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

commands = typer.Typer(
    name="keys", help="Keys: who may send, ask and manage.", no_args_is_help=True
)
console = Console()

Data = Annotated[
    Path | None, typer.Option(help="Work on this directory of a collector instead of its API.")
]
KeyId = Annotated[str, typer.Argument(help="As `list` shows it.")]


@commands.command()
def create(
    tenant: Annotated[
        str, typer.Option(help="Whose data; * manages the keys of all. [of the asking key]")
    ] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="ingest, view, query or admin; again for more. [ingest]"),
    ] = None,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    expires: Annotated[str, typer.Option(help="As 12h, 90d, 52w. [never]")] = "",
    requests_per_s: Annotated[int, typer.Option(min=0, help="0: no limit.")] = 0,
    items_per_s: Annotated[int, typer.Option(min=0, help="Spans and records; 0: no limit.")] = 0,
    bytes_per_day: Annotated[int, typer.Option(min=0, help="Uncompressed; 0: no limit.")] = 0,
    api: Api = DEFAULT_API,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    scopes = tuple(scope or [INGEST])
    life = _span(expires, "--expires") if expires else None
    limits = Limits(requests_per_s, items_per_s, bytes_per_day)

    def here(desk: KeyDesk) -> dict[str, Any]:
        key, token = desk.create(tenant or OPEN_TENANT, scopes, name, life, limits)
        return {**_shown(key), "key": token}

    asked = {
        "tenant": tenant,
        "scopes": list(scopes),
        "name": name,
        "expires_in_s": int(life.total_seconds()) if life else None,
        **vars(limits),
    }
    _print_new(_done(api, data, here, "POST", "/v1/keys", asked), as_json)


@commands.command("list")
def show_list(api: Api = DEFAULT_API, data: Data = None, as_json: AsJson = False) -> None:
    """Show the keys, newest first; never their secrets."""

    def here(desk: KeyDesk) -> dict[str, Any]:
        return {"keys": [_shown(key) for key in desk.listing(EVERY_TENANT)]}

    keys = _done(api, data, here, "GET", "/v1/keys")["keys"]
    if as_json:
        typer.echo(json.dumps(keys))
        return
    if not keys:
        console.print("No keys: the collector is open, to this machine only.")
        return
    table = Table(box=None)
    for column in ("id", "tenant", "name", "scopes", "state", "created", "ends", "limits"):
        table.add_column(column, overflow="fold")
    for key in keys:
        ends = key["revoked_at"] or key["expires_at"] or "—"
        cells = (key["id"], key["tenant"], key["name"], " ".join(key["scopes"]), key["state"])
        table.add_row(*map(Text, (*cells, key["created_at"][:16], ends[:16], _limits(key))))
    console.print(table)


@commands.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long both are valid, as 0m, 24h, 7d.")] = "24h",
    api: Api = DEFAULT_API,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make the key that takes another one's place, and print it, this once."""
    both = _span(overlap, "--overlap")

    def here(desk: KeyDesk) -> dict[str, Any]:
        key, token = desk.rotate(key_id, EVERY_TENANT, both)
        return {**_shown(key), "key": token}

    body = {"overlap_s": int(both.total_seconds())}
    _print_new(_done(api, data, here, "POST", f"/v1/keys/{_id(key_id)}/rotate", body), as_json)


@commands.command()
def revoke(
    key_id: KeyId, api: Api = DEFAULT_API, data: Data = None, as_json: AsJson = False
) -> None:
    """End a key: every collector refuses it within 5 s."""

    def here(desk: KeyDesk) -> dict[str, Any]:
        return _shown(desk.revoke(key_id, EVERY_TENANT))

    key = _done(api, data, here, "DELETE", f"/v1/keys/{_id(key_id)}")
    if as_json:
        typer.echo(json.dumps(key))
    else:
        typer.echo(f"{key['id']} of {key['tenant']} is revoked since {key['revoked_at'][:19]} UTC")


def _done(
    api: str,
    data: Path | None,
    here: Any,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what came of it, by the API or else on the directory."""
    if data is None:
        try:
            text = send(api, method, path, json.dumps(body) if body is not None else None)
            return dict(json.loads(text))
        except CollectorAway:
            if api != DEFAULT_API:
                raise
    settings = Settings() if data is None else Settings(data=data)
    try:
        return dict(here(KeyDesk(KeyFile(settings.data / "keys", settings.key_pepper))))
    except (WrongKeyRequest, NoSuchKey, KeyFileUnusable, OSError) as failure:
        typer.echo(f"tollbook: {failure}", err=True)
        raise typer.Exit(EXIT_FAILED) from None


def _print_new(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(made))
        return
    # The key alone on standard output, so that a shell can take it.
    typer.echo(made["key"])
    scopes = " and ".join(made["scopes"])
    ends = made["expires_at"][:16] if made["expires_at"] else "never"
    typer.echo(f"{made['id']}: {scopes} for {made['tenant']}, ends {ends}.", err=True)
    typer.echo("It is shown this once. Programs send it with TOLLBOOK_KEY, or with", err=True)
    typer.echo('OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20KEY";', err=True)
    typer.echo("the commands of tollbook ask with TOLLBOOK_API_KEY.", err=True)


def _span(text: str, option: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        typer.echo(f"tollbook: {option} is {text!r}, but must be as 30m, 24h, 90d or 52w", err=True)
        raise typer.Exit(EXIT_USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _id(key_id: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z]{1,64}", key_id):
        typer.echo(f"tollbook: {key_id!r} is no id of a key, as in Ab3dEf9h", err=True)
        raise typer.Exit(EXIT_USAGE)
    return key_id


def _limits(key: dict[str, Any]) -> str:
    names = {"requests_per_s": "requests/s", "items_per_s": "items/s", "bytes_per_day": "B/day"}
    return ", ".join(f"{key[name]} {unit}" for name, unit in names.items() if key[name]) or "—"


def _shown(key: Key) -> dict[str, Any]:
    return key.shown(datetime.now(UTC))
