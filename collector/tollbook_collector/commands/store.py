"""The commands of `tollbook store`: the embedded store alone, and the schema for a server."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from tollbook_collector.intake.keys import TENANT
from tollbook_collector.logs import log_to
from tollbook_collector.settings import OPEN_TENANT, Settings
from tollbook_collector.store import sql
from tollbook_collector.store.sql.cluster import Cluster, everywhere

EXIT_USAGE: Final = 2

commands = typer.Typer(
    name="store",
    help="The embedded store alone, for any tool that speaks to ClickHouse; and more.",
    invoke_without_command=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.callback()
def alone(
    context: typer.Context,
    path: Annotated[Path | None, typer.Option(help="Directory of the embedded store.")] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT.")] = "127.0.0.1:8123",
) -> None:
    """Run the embedded store alone, for any tool that speaks to ClickHouse."""
    if context.invoked_subcommand is not None:
        return
    if path is None:
        typer.echo("tollbook: --path names the directory, as tollbook-data/store", err=True)
        raise typer.Exit(EXIT_USAGE)
    from tollbook_collector.store.embedded.standalone import serve

    log_to()
    raise typer.Exit(serve(path, listen))


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
