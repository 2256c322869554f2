"""The command line of the price book: `tollbook prices …`, answered without a collector."""

import json
import re
import shutil
import tempfile
import textwrap
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from tollbook_collector.commands.ask import ask_json
from tollbook_collector.commands.options import DEFAULT_API, EXIT_FAILED, EXIT_USAGE, Api, AsJson
from tollbook_collector.money.changes import JUMP_MAX, accept, changes, jumps
from tollbook_collector.money.cost import Asked, ImpossibleUsage, cost
from tollbook_collector.money.own_book import UnreadablePrices, completed
from tollbook_collector.money.rate import END, Book, Rate, is_unit
from tollbook_collector.money.seed import SNAPSHOT, read_book
from tollbook_collector.settings import Settings

FOUND_MAX: Final = 50
# Within the data directory; a collector reads it there.
PRICES: Final = "prices"

app = typer.Typer(
    help="Look into the price book, check a price file, and price a call.", no_args_is_help=True
)

Own = Annotated[
    Path | None,
    typer.Option(
        "--prices", help="Directory of your own price files. [prices in the data directory]"
    ),
]
Provider = Annotated[str, typer.Argument(help="As openai, anthropic, gcp.gemini, aws.bedrock.")]
At = Annotated[str | None, typer.Option(help="When, as 2026-11-20T12:00Z. [now]")]


@app.command("cost")
def cost_command(
    provider: Provider,
    model: Annotated[str, typer.Argument(help="As the provider names it.")],
    usage: Annotated[
        str,
        typer.Option(
            help="As input=10000,cache_read=6000,output=2000,web_search=1; totals inclusive."
        ),
    ],
    at: At = None,
    tier: Annotated[str, typer.Option(help="Tier that served it.")] = "standard",
    batch: Annotated[bool, typer.Option("--batch", help="It was part of a batch.")] = False,
    region: Annotated[str, typer.Option(help="Where it was processed, as us.")] = "",
    duration_ms: Annotated[
        int, typer.Option(min=0, help="How long it took, for models that are priced by time.")
    ] = 0,
    prices: Own = None,
    as_json: AsJson = False,
) -> None:
    """Price one call and print one JSON object; --json changes nothing."""
    try:
        asked = Asked(
            provider.lower(),
            model,
            _instant(at),
            _usage(usage),
            "batch" if batch else tier,
            region,
            duration_ms,
        )
        answer = cost(_book(prices), asked)
    except ImpossibleUsage as wrong:
        _leave(str(wrong), EXIT_USAGE)
    typer.echo(
        json.dumps(
            {
                "provider": asked.provider,
                "model": answer.model or None,
                "at": asked.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "cost": _plain(answer.cost_usd),
                "currency": "USD",
                "parts": {meter: _plain(amount) for meter, amount in answer.parts.items()},
                "price_ids": [answer.price_id] if answer.price_id else [],
                "source": answer.source or None,
                "status": answer.status,
                "reason": answer.reason or None,
            }
        )
    )


@app.command()
def show(
    provider: Provider,
    model: Annotated[str, typer.Argument(help="Name in the price book; see find.")],
    at: At = None,
    prices: Own = None,
    as_json: AsJson = False,
) -> None:
    """Print the rates of a model, USD per million tokens or for one unit, with their source."""
    instant = _instant(at) if at else None
    rates = [
        rate
        for rate in _book(prices).rates
        if (rate.provider, rate.model) == (provider.lower(), model)
        and (instant is None or rate.valid_from <= instant < rate.valid_to)
    ]
    if not rates:
        _leave(f"the book has no rates of {provider} {model}; try: tollbook prices find", 1)
    names = dict.fromkeys(rate.price_id for rate in rates)
    cards = [[rate for rate in rates if rate.price_id == name] for name in names]
    if as_json:
        typer.echo(json.dumps({"rows": [_card(card) for card in cards]}))
        return
    columns = shutil.get_terminal_size().columns
    for card in cards:
        until = "" if card[0].valid_to.year > 2100 else f" until {card[0].valid_to:%Y-%m-%d}"
        typer.echo(f"{card[0].price_id}{until}")
        for text in (" ".join(_amount(rate) for rate in card), card[0].source):
            typer.echo(
                textwrap.fill(
                    text,
                    columns,
                    initial_indent="  ",
                    subsequent_indent="  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )


def _card(card: list[Rate]) -> dict[str, Any]:
    first = card[0]
    tokens = [rate for rate in card if not is_unit(rate.meter)]
    return {
        "price_id": first.price_id,
        "provider": first.provider,
        "model": first.model,
        "service_tier": first.service_tier,
        "context_over": first.context_over,
        "variant": first.variant,
        "valid_from": first.valid_from.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "valid_to": None if first.valid_to == END else f"{first.valid_to:%Y-%m-%dT%H:%M:%SZ}",
        "usd_per_million": {rate.meter: _plain(rate.rate_usd * 1_000_000) for rate in tokens},
        "usd_per_unit": {r.meter: _plain(r.rate_usd) for r in card if r not in tokens},
        "source": first.source,
    }


def _amount(rate: Rate) -> str:
    if is_unit(rate.meter):
        return f"{rate.meter}={_plain(rate.rate_usd)}/unit"
    return f"{rate.meter}={_plain(rate.rate_usd * 1_000_000)}"


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="Part of a provider's or model's name.")],
    prices: Own = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the book whose name contains a text."""
    book = _book(prices)
    names = sorted({(rate.provider, rate.model) for rate in book.rates})
    models = [(p, m) for p, m in names if text.lower() in f"{p}/{m}".lower()]
    if as_json:
        typer.echo(json.dumps({"rows": [{"provider": p, "model": m} for p, m in models]}))
        return
    found = [f"{p} {m}" for p, m in models]
    typer.echo("\n".join(found[:FOUND_MAX]) if found else f"no model of the book contains {text}")
    if len(found) > FOUND_MAX:
        typer.echo(f"and {len(found) - FOUND_MAX} more")


@app.command()
def missing(
    since: Annotated[str, typer.Option(help="How far back: 24h, 7d.")] = "7d",
    api: Api = DEFAULT_API,
    as_json: AsJson = False,
) -> None:
    """List the models that were called and have no price, most calls first."""
    answer = ask_json(api, "/v1/unpriced", since=since)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for row in answer["rows"]:
        typer.echo(f"{row['calls']:>8} {row['provider']} {row['model']}: {row['reason']}")
    if not answer["rows"]:
        typer.echo(f"every model called in the last {since} has a price")


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Price files. [ours]")] = None,
    as_json: AsJson = False,
) -> None:
    """Read price files and say what is wrong with them."""
    try:
        book = completed(read_book(), files or [])
    except UnreadablePrices as wrong:
        _leave(str(wrong), EXIT_FAILED)
    if as_json:
        typer.echo(json.dumps({"rates": len(book.rates), "windows": len(book.windows)}))
        return
    typer.echo(f"{len(book.rates)} rates, {len(book.windows)} windows: nothing is wrong")


@app.command()
def diff(
    file: Annotated[Path, typer.Argument(help="A price file.")],
    prices: Own = None,
    as_json: AsJson = False,
) -> None:
    """Print what a price file would change, USD per million tokens or for one unit."""
    lines = list(changes(_book(prices), _with_file(_own(prices), file)))
    if as_json:
        typer.echo(json.dumps({"changes": lines}))
        return
    for line in lines or ["nothing changes"]:
        typer.echo(line)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A price file.")],
    force: Annotated[
        bool, typer.Option("--force", help=f"Also with rates that change over {JUMP_MAX} times.")
    ] = False,
    prices: Own = None,
    as_json: AsJson = False,
) -> None:
    """Check a price file and put it among your own; a collector reads it within seconds."""
    own = _own(prices)
    before, after = _book(own), _with_file(own, file)
    _refuse_slips(before, after, force)
    own.mkdir(parents=True, exist_ok=True)
    target = own / file.name
    if target.resolve() != file.resolve():
        shutil.copyfile(file, target)
    if force:
        accept(target)
    lines = list(changes(before, after))
    if as_json:
        typer.echo(json.dumps({"file": str(target), "changes": lines}))
        return
    typer.echo(f"{len(lines)} changes; {target}")


@app.command()
def update(
    file: Annotated[
        Path | None,
        typer.Argument(help="Data of genai-prices, its data.json. [those of the installed one]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=f"Also with rates that change over {JUMP_MAX} times.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what changes.")] = False,
    as_json: AsJson = False,
    prices: Own = None,
) -> None:
    """Take the list prices from a file, or again from the installed genai-prices; show the diff.

    Nothing is fetched: bring the file yourself. A collector that runs reads it within seconds.
    """
    own = _own(prices)
    before = _book(own)
    with tempfile.TemporaryDirectory() as directory:
        trial = Path(directory)
        _copy_files(own, trial)
        if file is not None:
            if not file.is_file():
                _leave(f"{file} is not a file", EXIT_USAGE)
            shutil.copyfile(file, trial / SNAPSHOT)
        try:
            after = read_book(trial)
        except UnreadablePrices as wrong:
            _leave(str(wrong).replace(SNAPSHOT, str(file or SNAPSHOT)), EXIT_FAILED)
    lines = list(changes(before, after))
    if not as_json:
        for line in lines:
            typer.echo(line)
    if not dry_run:
        _refuse_slips(before, after, force)
        _replace_snapshot(own, file, force)
    source = after.source
    if as_json:
        typer.echo(json.dumps({"source": source, "changes": lines, "applied": not dry_run}))
    else:
        typer.echo(f"{len(lines)} changes; {source}{', not applied' if dry_run else ''}")


def _replace_snapshot(prices: Path, file: Path | None, force: bool) -> None:
    prices.mkdir(parents=True, exist_ok=True)
    target = prices / SNAPSHOT
    if file is None:
        target.unlink(missing_ok=True)
        return
    # Written beside and renamed, so that a collector never reads half of it.
    beside = target.with_suffix(".new")
    shutil.copyfile(file, beside)
    beside.replace(target)
    if force:
        accept(target)


def _refuse_slips(before: Book, after: Book, force: bool) -> None:
    slips = jumps(before, after)
    if slips and not force:
        _leave(
            "these rates would change over "
            f"{JUMP_MAX} times; --force if that is right:\n" + "\n".join(slips[:FOUND_MAX]),
            EXIT_FAILED,
        )


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")


def _own(prices: Path | None) -> Path:
    """Return the directory that a collector with the same settings reads."""
    return prices if prices is not None else Settings().data / PRICES


def _book(prices: Path | None) -> Book:
    try:
        return read_book(_own(prices))
    except UnreadablePrices as wrong:
        _leave(str(wrong), EXIT_FAILED)


def _with_file(own: Path, file: Path) -> Book:
    """Return the book as it will be with a file among the others, in place of one of its name."""
    if not file.is_file():
        _leave(f"{file} is not a file", EXIT_USAGE)
    with tempfile.TemporaryDirectory() as directory:
        trial = Path(directory)
        _copy_files(own, trial)
        if (own / SNAPSHOT).is_file():
            shutil.copyfile(own / SNAPSHOT, trial / SNAPSHOT)
        shutil.copyfile(file, trial / file.name)
        return _book(trial)


def _copy_files(own: Path, trial: Path) -> None:
    for path in own.glob("*.toml") if own.is_dir() else ():
        shutil.copyfile(path, trial / path.name)


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        _leave(f"{text} is not a time; write it as 2026-11-20T12:00Z", EXIT_USAGE)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _usage(text: str) -> dict[str, int]:
    usage: dict[str, int] = {}
    for part in text.split(","):
        pair = re.fullmatch(r"\s*([\w:/.-]+)=(\d+)\s*", part)
        if pair is None or pair[1] in usage:
            raise ImpossibleUsage(
                f"{part!r}: write whole numbers, each once: input=10000,output=2000"
            )
        usage[pair[1]] = int(pair[2])
    return usage


def _leave(message: str, status: int) -> NoReturn:
    typer.echo(f"tollbook: {message}", err=True)
    raise typer.Exit(status)
