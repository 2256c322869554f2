"""The commands `tollbook drift`: a period against a baseline, as a page."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tollbook_collector.commands.ask import ask
from tollbook_collector.commands.options import DEFAULT_API, Api, AsJson

app = typer.Typer(help="Compare how calls behave now with how they did.", no_args_is_help=True)
console = Console()


@app.callback()
def drift() -> None:
    """Compare how calls behave now with how they did."""


@app.command()
def report(
    baseline: Annotated[str, typer.Option(help="Days, as 2026-10-01..2026-10-31.")],
    current: Annotated[str, typer.Option(help="Days that are held against the baseline.")],
    by: Annotated[str, typer.Option(help="service, model, team or feature.")] = "model",
    out: Annotated[Path, typer.Option(help="Where the page is written.")] = Path("drift.html"),
    api: Api = DEFAULT_API,
    as_json: AsJson = False,
) -> None:
    """Write a page with what changed in lengths, latency, endings, models and tools, with plots."""
    page = ask(api, "/v1/drift/report", baseline=baseline, current=current, by=by)
    out.write_bytes(page)
    if as_json:
        typer.echo(json.dumps({"file": str(out), "bytes": len(page)}))
        return
    console.print(Text(f"{out} has {len(page):,} bytes; open it in a browser"))
