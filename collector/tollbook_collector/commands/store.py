"""The commands of `tollbook store`: alone, the schema for a server, and the way to one."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tollbook_collector.commands.options import EXIT_FAILED, EXIT_USAGE, AsJson
from tollbook_collector.commands.progress import working
from tollbook_collector.intake.keys import TENANT
from tollbook_collector.logs import log_to
from tollbook_collector.settings import OPEN_TENANT, Settings
from tollbook_collector.store import sql
from tollbook_collector.store.client import StoreAddress
from tollbook_collector.store.sql.cluster import Cluster, everywhere

if TYPE_CHECKING:
    from tollbook_collector.store.copy import Copied


commands = typer.Typer(
    name="store",
    help="The embedded store alone, for any tool that speaks to ClickHouse; and more.",
    invoke_without_command=True,
)


@commands.callback()
def alone(
    context: typer.Context,
    path: Annotated[Path | None, typer.Option(help="Directory of the embedded store.")] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT.")] = "127.0.0.1:8123",
    as_json: AsJson = False,
) -> None:
    """Run the embedded store alone, for any tool that speaks to ClickHouse."""
    if context.invoked_subcommand is not None:
        return
    if path is None:
        typer.echo("tollbook: --path names the directory, as tollbook-data/store", err=True)
        raise typer.Exit(EXIT_USAGE)
    from tollbook_collector.store.embedded.standalone import serve

    log_to()
    raise typer.Exit(serve(path, listen, as_json))


@commands.command()
def ddl(
    cluster: Annotated[
        str, typer.Option(help="Name of a cluster in the server's configuration; empty: none.")
    ] = "",
    access: Annotated[
        bool, typer.Option("--access", help="Roles, row policies, limits and users instead.")
    ] = False,
    tenant: Annotated[
        str, typer.Option(help="With --access: whose rows the user tollbook_reader sees.")
    ] = OPEN_TENANT,
    as_json: AsJson = False,
) -> None:
    """Print the statements that make the database on a server of yours, in order.

    A collector runs those of the schema itself; those of --access are for the server's admin, who
    gives writer_password and reader_password as parameters.
    """
    from tollbook_collector.answer.guard import TABLES

    if not TENANT.fullmatch(tenant):
        typer.echo(f"tollbook: {tenant!r} is not the name of a tenant", err=True)
        raise typer.Exit(EXIT_USAGE)
    database = Settings().clickhouse_database
    on = Cluster(cluster, database) if cluster else None
    if access:
        statements = sql.access_statements(TABLES, database, tenant, on)
    else:
        made = sql.read("database").replace("{database:Identifier}", database)
        statements = [everywhere(on, made) if on else made]
        for folder in sql.FOLDERS:
            for name in sql.names(folder):
                statements += sql.statements(name, on)
    if as_json:
        typer.echo(json.dumps(statements))
    else:
        typer.echo("\n".join(f"{statement.strip()};\n" for statement in statements))


@commands.command()
def copy(
    to: Annotated[str, typer.Option(help="The ClickHouse that it moves to, http://host:8123.")],
    path: Annotated[
        Path | None, typer.Option(help="Directory of the embedded store. [DATA/store]")
    ] = None,
    to_database: Annotated[
        str | None, typer.Option(help="Its database. [TOLLBOOK_CLICKHOUSE_DATABASE, tollbook]")
    ] = None,
    to_cluster: Annotated[
        str | None, typer.Option(help="A cluster of it. [TOLLBOOK_CLICKHOUSE_CLUSTER]")
    ] = None,
    slice_rows: Annotated[
        int | None, typer.Option(min=1_000, help="Rows of one insert, about. [200000]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the embedded store's history to a server, to the last digit; again, it goes on.

    The user and the password at the target are TOLLBOOK_CLICKHOUSE_USER and _PASSWORD.
    """
    settings = Settings()
    directory = path or settings.data / "store"
    if not (directory / "data").is_dir():
        _fail(f"{directory} is not the directory of an embedded store; name it with --path")
    log_to()
    target = StoreAddress(
        to,
        settings.clickhouse_user,
        settings.clickhouse_password,
        to_database or settings.clickhouse_database,
        settings.clickhouse_cluster if to_cluster is None else to_cluster,
    )
    done = _copied(directory, settings.clickhouse_database, target, slice_rows, as_json)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    typer.echo(
        f"{done.rows:,} rows are at {to}, {done.parts} parts copied now and {done.parts_before}"
        f" before; the sums of {done.days} days of tables are the same to the last digit.\n"
        f"Next: tollbook up --clickhouse-url {to}"
    )


def _copied(
    directory: Path, database: str, target: StoreAddress, slice_rows: int | None, as_json: bool
) -> "Copied":
    """Return what a copy of a directory's store did; what stopped it is said, and ends here."""
    from tollbook_collector.store import copy as copying
    from tollbook_collector.store.client import (
        ClickHouse,
        ServerTooOld,
        StoreRefused,
        StoreUnavailable,
    )
    from tollbook_collector.store.embedded.directory import AlreadyOwned, SecretExposed
    from tollbook_collector.store.embedded.process import EmbeddedStore, StoreFailedToStart

    try:
        with EmbeddedStore(directory) as embedded, working("copying rows", as_json, True) as show:
            here = embedded.address
            source = ClickHouse(StoreAddress(here.url, here.user, here.password, database))
            rows = slice_rows or copying.SLICE_ROWS
            return copying.StoreCopy(source, ClickHouse(target), rows).run(show)
    except AlreadyOwned as owned:
        _fail(
            f"{owned} Stop its collector first: what senders send meanwhile, a collector with"
            f" --clickhouse-url {target.url} keeps in its spool until the copy is done"
        )
    except (
        OSError,
        SecretExposed,
        ServerTooOld,
        StoreFailedToStart,
        StoreRefused,
        StoreUnavailable,
        copying.CopyDiffers,
        copying.SchemasDiffer,
        copying.TargetNotEmpty,
    ) as failure:
        _fail(str(failure))


def _fail(message: str) -> NoReturn:
    typer.echo(f"tollbook: {message}", err=True)
    raise typer.Exit(EXIT_FAILED)
