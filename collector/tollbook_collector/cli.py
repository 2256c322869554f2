"""The command line: each command calls one part and shows what came of it."""

import asyncio
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from tollbook_collector.commands import (
    alerts,
    assistant,
    audit,
    backup,
    budgets,
    calls,
    change,
    export,
    incidents,
    keys,
    ledger,
    prices,
    quarantine,
    reconcile,
    runs,
    savings,
    screens,
    showback,
    sql,
    store,
    top,
)
from tollbook_collector.commands.anomalies import anomalies, detect
from tollbook_collector.commands.ask import CollectorAway, CollectorRefused, ask_json
from tollbook_collector.commands.complete import completed_dimensions
from tollbook_collector.commands.drift import app as drift
from tollbook_collector.commands.options import (
    DEFAULT_API,
    EXIT_FAILED,
    EXIT_USAGE,
    Api,
    AsJson,
    Since,
)
from tollbook_collector.logs import log_to
from tollbook_collector.settings import Settings

if TYPE_CHECKING:
    from tollbook_collector.serve import Addresses

DEMO_DATA: Final = Path("tollbook-data/demo")

app = typer.Typer(
    name="tollbook",
    help="Meters every model call, prices it to the last digit, and tells you when spend changes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(drift, name="drift")
app.command()(anomalies)
app.command()(detect)
app.add_typer(alerts.app, name="alerts")
app.add_typer(incidents.app, name="incidents")
app.add_typer(prices.app, name="prices")
app.add_typer(export.app, name="export")
app.command()(reconcile.reconcile)
app.add_typer(quarantine.commands)
app.add_typer(ledger.commands)
app.add_typer(showback.commands)
app.add_typer(change.commands)
app.add_typer(savings.commands)
app.command()(budgets.budgets)
app.add_typer(calls.app, name="calls")
app.add_typer(runs.app, name="runs")
app.add_typer(top.commands)
app.add_typer(sql.commands)
app.add_typer(assistant.commands)
app.add_typer(audit.commands)
app.add_typer(keys.commands)
app.add_typer(store.commands)
app.add_typer(backup.commands)
app.command()(budgets.forecast)
console = Console()
errors = Console(stderr=True)

Data = Annotated[
    Path | None, typer.Option(help="Directory of the spool and the store. [./tollbook-data]")
]
OtlpHttp = Annotated[
    str | None, typer.Option(help="HOST:PORT for OTLP over HTTP. [127.0.0.1:4318]")
]
OtlpGrpc = Annotated[
    str | None, typer.Option(help="HOST:PORT for OTLP over gRPC. [127.0.0.1:4317]")
]
ApiAddress = Annotated[
    str | None, typer.Option("--api", help="HOST:PORT for questions. [127.0.0.1:4319]")
]
ClickHouseUrl = Annotated[
    str | None, typer.Option(help="A ClickHouse of yours, http://host:8123. [the embedded store]")
]


def run(arguments: list[str]) -> int:
    """Run the command line and return the process exit status."""
    try:
        app(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT_FAILED
    except (CollectorAway, CollectorRefused) as failure:
        _fail(str(failure))
        return EXIT_FAILED
    return 0


@app.command()
def up(
    data: Data = None,
    otlp_http: OtlpHttp = None,
    otlp_grpc: OtlpGrpc = None,
    api: ApiAddress = None,
    clickhouse_url: ClickHouseUrl = None,
    log_format: Annotated[str | None, typer.Option(help="text or json. [text]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say where it listens in JSON.")] = False,
) -> None:
    """Start a collector, with its embedded store unless a ClickHouse is named."""
    settings = _settings(
        data=data,
        otlp_http=otlp_http,
        otlp_grpc=otlp_grpc,
        api=api,
        clickhouse_url=clickhouse_url,
        log_format=log_format,
    )

    log_to(form=settings.log_format, level=settings.log_level)
    import uvloop

    from tollbook_collector.intake.grpc import AddressInUse
    from tollbook_collector.intake.key_file import KeyFileUnusable
    from tollbook_collector.intake.keys import WrongKeyRequest
    from tollbook_collector.money.own_book import UnreadablePrices
    from tollbook_collector.policy import UnreadablePolicy
    from tollbook_collector.serve import KeysNeeded, TlsUnusable, serve
    from tollbook_collector.spool.files import SpoolInUse
    from tollbook_collector.spool.segment import NewerSegment
    from tollbook_collector.store.client import ServerTooOld, StoreRefused
    from tollbook_collector.store.embedded.directory import AlreadyOwned, SecretExposed
    from tollbook_collector.store.embedded.process import StoreFailedToStart
    from tollbook_collector.store.sql import EditedMigration, NewerDatabase

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, partial(show_start, settings.data, as_json)))
    except (
        AddressInUse,
        AlreadyOwned,
        EditedMigration,
        KeyFileUnusable,
        KeysNeeded,
        NewerDatabase,
        NewerSegment,
        SecretExposed,
        ServerTooOld,
        SpoolInUse,
        StoreFailedToStart,
        StoreRefused,
        TlsUnusable,
        UnreadablePolicy,
        UnreadablePrices,
        WrongKeyRequest,
    ) as failure:
        _fail(str(failure))
        raise typer.Exit(EXIT_FAILED) from None


@app.command()
def demo(
    calls: Annotated[int, typer.Option(min=1, max=28_185, help="Calls to replay.")] = 2_000,
    leave: Annotated[
        bool,
        typer.Option(
            "--exit",
            help="End when done and keep nothing, wherever --data is. JSON comes last.",
        ),
    ] = False,
    data: Data = None,
    otlp_http: OtlpHttp = None,
    otlp_grpc: OtlpGrpc = None,
    api: ApiAddress = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only JSON, and end when done as with --exit.")
    ] = False,
) -> None:
    """Replay a real trace through real clients and show what it cost."""
    from tollbook_collector.demo.run import run_demo

    # Made-up calls have a directory of their own, so that they never mix with real ones.
    settings = _settings(data=data or DEMO_DATA, otlp_http=otlp_http, otlp_grpc=otlp_grpc, api=api)
    # The last line is the JSON: with --json what comes before it is for eyes, and goes to stderr.
    shown = errors if as_json else console
    raise typer.Exit(run_demo(settings, calls, leave or as_json, shown, as_json))


@app.command()
def spend(
    by: Annotated[
        str,
        typer.Option(
            help="Dimensions, as model,team or day,service.", autocompletion=completed_dimensions
        ),
    ] = "model",
    since: Since = "7d",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show what was spent, by one or more dimensions, dearest first."""
    answer = ask_json(api, "/v1/spend", by=by, since=since)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if not answer["rows"]:
        console.print(f"No model call in the last {since}. Instrument a program with one line:")
        console.print(Text("    import tollbook; tollbook.instrument()", style="bold"))
        return
    table = screens.spend_table(answer, by.split(","), f"Spend of the last {since}", console.width)
    screens.show(console, table, screens.spend_notes(answer))


@app.command()
def doctor(data: Data = None, api: Api = DEFAULT_API, as_json: AsJson = False) -> None:
    """Find what would keep tollbook from working here, and say what to do about it."""
    from tollbook_collector.commands.doctor import examine

    findings = examine(_settings(data=data), api)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings]))
    marks = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}
    for finding in [] if as_json else findings:
        console.print(marks[finding.verdict], Text(finding.text), soft_wrap=True)
        if finding.remedy:
            console.print("     ", Text(finding.remedy, style="dim"), soft_wrap=True)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from importlib.metadata import version as distribution_version

    said = distribution_version("tollbook")
    typer.echo(json.dumps({"version": said}) if as_json else said)


def show_start(data: Path, as_json: bool, addresses: "Addresses") -> None:
    """Say where a collector listens, for people or as one line of JSON."""
    if as_json:
        typer.echo(json.dumps({**asdict(addresses), "data": str(data.resolve())}))
        sys.stdout.flush()
        return
    console.print(Text("tollbook takes spans and answers questions", style="bold green"))
    rows = {
        "OTLP/HTTP": f"{addresses.otlp_http}/v1/traces",
        "OTLP/gRPC": addresses.otlp_grpc,
        "API": addresses.api,
        "store": addresses.store,
        "data": str(data.resolve()),
    }
    for name, value in rows.items():
        console.print(Text(f"  {name:<10}{value}"), soft_wrap=True)
    if addresses.open:
        console.print(
            Text("No keys are configured: it listens on this machine only, to anyone on it.")
        )
    console.print(Text(f"Next: tollbook spend --api {addresses.api}    Ctrl-C stops it."))


def _settings(**arguments: Any) -> Settings:
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as wrong:
        for error in wrong.errors():
            name = ".".join(str(part) for part in error["loc"])
            _fail(f"{name}: {error['msg'].removeprefix('Value error, ')}")
        raise typer.Exit(EXIT_USAGE) from None


def _fail(message: str) -> None:
    errors.print(Text(f"tollbook: {message}", style="red"), soft_wrap=True)
