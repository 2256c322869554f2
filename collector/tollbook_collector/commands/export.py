"""`tollbook export`: spend as files for other tools, and the check of such files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tollbook_collector.commands.ask import ask_json, save
from tollbook_collector.commands.options import DEFAULT_API, EXIT_FAILED, EXIT_USAGE, Api, AsJson
from tollbook_collector.commands.progress import working
from tollbook_collector.money.focus import Export, WrongExport
from tollbook_collector.money.focus_lint import Findings, Row, lint

app = typer.Typer(help="Write spend as files for other tools.", no_args_is_help=True)

Version = Annotated[str, typer.Option(help="Of FOCUS: 1.4 or 1.2.")]


@app.command()
def focus(
    period: Annotated[str, typer.Option(help="Month, as 2026-11.")],
    version: Version = "1.4",
    format_name: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    granularity: Annotated[str, typer.Option(help="hour or day.")] = "hour",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. [focus-VERSION-PERIOD.FORMAT]")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check the file as well.")] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Write the charges of a month in the columns of FOCUS, the standard of cost data."""
    try:
        export = Export.of(version, period, granularity, format_name)
    except WrongExport as wrong:
        _leave(str(wrong), EXIT_USAGE)
    path = output or Path(export.file_name)
    with working("bytes written", as_json, counted=True) as show:
        written = save(
            api,
            "/v1/focus",
            path,
            told=lambda done: show(done, None),
            period=period,
            version=version,
            granularity=granularity,
            format=format_name,
        )
    findings = _linted(path, version) if check else None
    unpriced = _unpriced(api)
    if as_json:
        answer: dict[str, Any] = {"file": str(path), "bytes": written, "unpriced_calls": unpriced}
        if findings is not None:
            answer |= {"rows": findings.rows, "findings": findings.counts}
        typer.echo(json.dumps(answer))
    else:
        typer.echo(f"{path}: {written} bytes of FOCUS {version}")
        if unpriced:
            typer.echo(
                f"calls of the last 24 hours without a price, which are in no row: {unpriced};"
                " tollbook prices missing",
                err=True,
            )
    if findings is not None:
        _show(findings, as_json)


@app.command("lint")
def lint_file(
    file: Annotated[Path, typer.Argument(help="A FOCUS file, CSV or Parquet.")],
    version: Version = "1.4",
    as_json: AsJson = False,
) -> None:
    """Check a FOCUS file, of tollbook or of anybody else."""
    findings = _linted(file, version)
    if as_json:
        typer.echo(
            json.dumps(
                {"rows": findings.rows, "findings": findings.counts, "first": findings.first}
            )
        )
    _show(findings, as_json)


def _linted(path: Path, version: str) -> Findings:
    try:
        names, rows = _parquet(path) if path.suffix == ".parquet" else _csv(path)
        return lint(names, rows, version)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        _leave(f"{path} cannot be read: {error}", EXIT_FAILED)


def _csv(path: Path) -> tuple[list[str], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, restval=""):
                yield {name: row[name] or None for name in names}

    with path.open(newline="", encoding="utf-8") as file:
        names = next(csv.reader(file), [])
    return names, rows()


def _parquet(path: Path) -> tuple[list[str], Iterator[Row]]:
    try:
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]
    except ImportError:
        _leave("to check Parquet: pip install pyarrow; or check the same export as CSV", 1)
    file = parquet.ParquetFile(path)

    def text(value: Any) -> str | None:
        if value is None:
            return None
        if hasattr(value, "strftime"):
            return str(value.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return format(value, "f") if hasattr(value, "as_tuple") else str(value)

    def rows() -> Iterator[Row]:
        for batch in file.iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                yield {name: text(value) for name, value in row.items()}

    return list(file.schema_arrow.names), rows()


def _show(findings: Findings, as_json: bool) -> None:
    if not as_json:
        for line in findings.first:
            typer.echo(line)
        more = sum(findings.counts.values()) - len(findings.first)
        if more > 0:
            typer.echo(f"and {more} more")
    if findings.counts:
        raise typer.Exit(EXIT_FAILED)
    if not as_json:
        typer.echo(f"{findings.rows} rows: nothing is wrong")


def _unpriced(api: str) -> int:
    return sum(ask_json(api, "/health").get("unpriced_calls", {}).values())


def _leave(message: str, status: int) -> NoReturn:
    typer.echo(f"tollbook: {message}", err=True)
    raise typer.Exit(status)
