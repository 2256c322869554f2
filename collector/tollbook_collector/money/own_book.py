"""Price files of ours and of the user's: TOML that completes and overrides a price book.

A file has `source_url`, `verified_at` and `confidence`, and any number of

    [[model]]     provider (or providers), model, optionally match (a regular expression for the
                  whole name), and [[model.card]] with per_million, and per_unit for what is billed
                  beside tokens, by meter; they replace all its cards before
    [[factor]]    providers, models and a factor upon their standard cards, for a service_tier, or
                  for a variant: region:us, or window:peak with weekdays and hours_utc
    [[meter]]     what cards of others have not: a unit beside tokens, a cache write; see meter.py
    [[hosted]]    a model on machines of one's own, by the hour of a GPU; see hosted.py
    [[alias]]     provider, match and model: another name for it, as of an Azure deployment
    [[contract]]  what was agreed below the list; see contract.py
    [[exchange]]  USD for a unit of a currency, by date; see exchange.py

A bad file is refused whole, with the line of the table that is wrong and the reason.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from tollbook_collector.money.contract import with_contract
from tollbook_collector.money.exchange import ExchangeRates, in_usd, merged, read_exchange
from tollbook_collector.money.hosted import read_hosted
from tollbook_collector.money.meter import with_meter
from tollbook_collector.money.price_file import (
    Table,
    WrongTable,
    amount,
    currency,
    refuse_unknown,
    token_rates,
    unit_rates,
    validity,
    whole,
    word,
    words,
)
from tollbook_collector.money.rate import (
    RATE_SCALE,
    STANDARD,
    Book,
    ModelPattern,
    Rate,
    Window,
    is_unit,
    price_id,
)

DIRECTORY: Final = Path(__file__).with_name("book")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: Final = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
FILE_BYTES_MAX: Final = 4 << 20
HEADINGS: Final = frozenset({"source_url", "verified_at", "confidence"})
# In the order in which they apply within a file; contracts lie over the list of all files.
LISTED: Final = ("model", "meter", "factor", "hosted", "alias")
KINDS: Final = frozenset({*LISTED, "contract", "exchange"})
PERIOD: Final = frozenset({"valid_from", "valid_to"})
CARD_NAMES: Final = PERIOD | {
    "service_tier",
    "context_over",
    "currency",
    "per_million",
    "usd_per_million",
    "per_unit",
}
FACTOR_NAMES: Final = PERIOD | {
    "providers",
    "models",
    "factor",
    "service_tier",
    "variant",
    "weekdays",
    "hours_utc",
}

Apply = Callable[[Book, Table, str, ExchangeRates], Book]


class UnreadablePrices(Exception):
    """A price file says something that cannot be; nothing of it was used."""


@dataclass(frozen=True)
class PriceFile:
    """A price file that was read: its text, for the lines of what is wrong, and its tables."""

    path: Path
    text: str
    document: dict[str, Any]

    @property
    def source(self) -> str:
        """What its rates give as their source."""
        # A figure that was not read at its source says so wherever it is shown.
        unread = "not checked at " if self.document.get("confidence") == "secondary" else ""
        verified, url = self.document["verified_at"], self.document["source_url"]
        return f"{self.path.stem} {verified} {unread}{url}"

    def tables(self, kind: str) -> Iterator[tuple[int, Table]]:
        """Yield the tables of a kind with their number.

        Raises:
            UnreadablePrices: They are no list of tables.
        """
        tables = self.document.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise UnreadablePrices(f"{self.path.name}: {kind} is written [[{kind}]]")
        yield from enumerate(tables)

    def refuse(self, kind: str, number: int, error: Exception) -> UnreadablePrices:
        """Return the refusal of a table, with its line."""
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        starts = [
            line
            for line, content in enumerate(self.text.splitlines(), start=1)
            if content.strip() == f"[[{kind}]]"
        ]
        line = starts[number] if number < len(starts) else 1
        return UnreadablePrices(
            f"{self.path.name}: line {line}: [[{kind}]] {reason or 'not a number'}"
        )


def own_files(directory: Path | None = None) -> list[Path]:
    """Return our price files and those of a directory, in the order in which they apply."""
    theirs = sorted(directory.glob("*.toml")) if directory and directory.is_dir() else []
    return [*sorted(DIRECTORY.glob("*.toml")), *theirs]


def completed(book: Book, files: Iterable[Path]) -> Book:
    """Return `book` with what price files add to it or replace in it.

    Raises:
        UnreadablePrices: A file is wrong; the message names its line and the reason.
    """
    read = [_read(path) for path in files]
    exchange: ExchangeRates = {}
    for file in read:
        for number, table in file.tables("exchange"):
            try:
                exchange = merged(exchange, read_exchange(table))
            except WRONG as error:
                raise file.refuse("exchange", number, error) from error
    for file in read:
        for kind in LISTED:
            book = _applied(book, file, kind, APPLY[kind], exchange)
    for file in read:
        book = _applied(book, file, "contract", with_contract, exchange)
    return book


WRONG: Final = (WrongTable, KeyError, TypeError, AttributeError, ValueError, InvalidOperation)


def _applied(book: Book, file: PriceFile, kind: str, apply: Apply, exchange: ExchangeRates) -> Book:
    for number, table in file.tables(kind):
        try:
            book = apply(book, table, file.source, exchange)
        except WRONG as error:
            raise file.refuse(kind, number, error) from error
    return book


def _read(path: Path) -> PriceFile:
    try:
        content = path.read_bytes()[: FILE_BYTES_MAX + 1]
        if len(content) > FILE_BYTES_MAX:
            raise UnreadablePrices(f"{path.name}: more than {FILE_BYTES_MAX} bytes")
        text = content.decode()
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadablePrices(f"{path.name}: {error}") from error
    for name in ("source_url", "verified_at"):
        if name not in document:
            raise UnreadablePrices(f"{path.name}: line 1: {name} is missing")
    if unknown := sorted(document.keys() - KINDS - HEADINGS):
        raise UnreadablePrices(
            f"{path.name}: line 1: {unknown[0]} is not a name here;"
            f" there are {', '.join(sorted(KINDS | HEADINGS))}"
        )
    return PriceFile(path, text, document)


def _with_model(book: Book, table: Table, source: str, exchange: ExchangeRates) -> Book:
    refuse_unknown(table, frozenset({"provider", "providers", "model", "match", "card"}))
    if ("provider" in table) == ("providers" in table):
        raise WrongTable("needs either provider or providers")
    names = words(table, "providers") if "providers" in table else (word(table, "provider"),)
    for provider in names:
        book = _with_model_of(book, provider, table, source, exchange)
    return book


def _with_model_of(
    book: Book, provider: str, table: Table, source: str, exchange: ExchangeRates
) -> Book:
    model = word(table, "model")
    cards = [rate for card in table["card"] for rate in _card(provider, model, card, source)]
    _check_overlaps([rate for rate, _ in cards])
    rates = dict.fromkeys(piece for rate, name in cards for piece in in_usd(rate, name, exchange))
    match = table.get("match")
    if match is None and not _is_named(book, provider, model):
        match = re.escape(model.lower())
    pattern = ModelPattern(provider, whole(match), model) if match is not None else None
    return _replaced(book, provider, model, rates, pattern)


def _with_hosted(book: Book, table: Table, source: str, exchange: ExchangeRates) -> Book:
    pattern, rates = read_hosted(table, source, exchange)
    return _replaced(book, pattern.provider, pattern.model, rates, pattern)


def _with_alias(book: Book, table: Table, source: str, exchange: ExchangeRates) -> Book:
    """Return `book` with another name of a model: a deployment, a profile, a fine-tune."""
    refuse_unknown(table, frozenset({"provider", "match", "model"}))
    provider, model = word(table, "provider"), word(table, "model")
    if not any((rate.provider, rate.model) == (provider, model) for rate in book.rates):
        raise WrongTable(f"no rates of {provider} {model} to name; see: tollbook prices find")
    pattern = ModelPattern(provider, whole(word(table, "match")), model)
    return replace(book, patterns=(pattern, *book.patterns))


def _replaced(
    book: Book, provider: str, model: str, rates: Iterable[Rate], pattern: ModelPattern | None
) -> Book:
    """Return `book` with these rates for a model in place of those that it had."""
    # What a file names comes before what the library matches.
    patterns = book.patterns if pattern is None else (pattern, *book.patterns)
    others = (rate for rate in book.rates if (rate.provider, rate.model) != (provider, model))
    windows = (w for w in book.windows if (w.provider, w.model) != (provider, model))
    return replace(book, patterns=patterns, rates=(*others, *rates), windows=tuple(windows))


def _is_named(book: Book, provider: str, model: str) -> bool:
    return any((rule.provider, rule.model) == (provider, model) for rule in book.patterns)


def _card(provider: str, model: str, card: Table, source: str) -> Iterator[tuple[Rate, str]]:
    """Yield the rates of a card, each with the currency that its amount is in."""
    refuse_unknown(card, CARD_NAMES)
    tier = card.get("service_tier", STANDARD)
    context_over = int(card.get("context_over", 0))
    start, end = validity(card)
    name = currency(card)
    if "usd_per_million" in card and name != "USD":
        raise WrongTable(f"usd_per_million in {name}: write per_million")
    tokens = card.get("usd_per_million", card.get("per_million", {}))
    prices = {**token_rates(tokens), **unit_rates(card.get("per_unit", {}))}
    if not prices:
        raise WrongTable("has neither per_million nor per_unit")
    if tokens and "input" not in prices and "output" not in prices:
        raise WrongTable("per_million has neither input nor output")
    for meter, rate_usd in prices.items():
        rate = Rate(
            price_id=price_id(provider, model, tier, context_over, start),
            provider=provider,
            model=model,
            service_tier=tier,
            context_over=context_over,
            meter=meter,
            rate_usd=rate_usd,
            valid_from=start,
            valid_to=end,
            source=source,
        )
        yield rate, name


def _with_factor(book: Book, table: Table, source: str, exchange: ExchangeRates) -> Book:
    refuse_unknown(table, FACTOR_NAMES)
    factor = amount(table["factor"], Decimal(1000))
    variant, tier = table.get("variant", ""), table.get("service_tier", "")
    if bool(variant) == bool(tier):
        raise WrongTable("needs either service_tier or variant")
    start, end = validity(table)
    wanted = {(p, m) for p in words(table, "providers") for m in words(table, "models")}
    known = {(rate.provider, rate.model) for rate in book.rates}
    if missing := {model for _, model in wanted} - {model for _, model in known & wanted}:
        raise WrongTable(f"no rates of {', '.join(sorted(missing))} to multiply")
    added = [
        _multiplied(rate, factor, tier, variant, max(rate.valid_from, start), source)
        for rate in book.rates
        if (rate.provider, rate.model) in wanted
        and not rate.variant
        and (variant or rate.service_tier == STANDARD)
        and max(rate.valid_from, start) < min(rate.valid_to, end)
    ]
    added = [replace(rate, valid_to=min(rate.valid_to, end)) for rate in added]
    replaced = {(rate.provider, rate.model, rate.service_tier, rate.variant) for rate in added}
    kept = (
        rate
        for rate in book.rates
        if (rate.provider, rate.model, rate.service_tier, rate.variant) not in replaced
    )
    windows = [
        Window(provider, model, variant, days, begin, finish)
        for days, begin, finish in _hours(table, variant)
        for provider, model in sorted(wanted & known)
    ]
    named = {(window.provider, window.model, window.variant) for window in windows}
    others = (w for w in book.windows if (w.provider, w.model, w.variant) not in named)
    return replace(book, rates=(*kept, *added), windows=(*others, *windows))


def _multiplied(
    rate: Rate, factor: Decimal, tier: str, variant: str, start: datetime, source: str
) -> Rate:
    name = tier or rate.service_tier
    suffixes = [variant] if variant else []
    return replace(
        rate,
        price_id=price_id(rate.provider, rate.model, name, rate.context_over, start, *suffixes),
        service_tier=name,
        variant=variant,
        # A search costs the same in every tier and region.
        rate_usd=rate.rate_usd
        if is_unit(rate.meter)
        else (rate.rate_usd * factor).quantize(RATE_SCALE, ROUND_HALF_EVEN),
        valid_from=start,
        source=source,
    )


def _hours(table: Table, variant: str) -> Iterator[tuple[tuple[int, ...], int, int]]:
    if not variant.startswith("window:"):
        if variant and not variant.startswith("region:"):
            raise WrongTable(f"variant {variant} is neither region:… nor window:…")
        return
    unknown = [day for day in table["weekdays"] if day not in WEEKDAYS]
    if unknown:
        raise WrongTable(f"weekday {unknown[0]} is not one of {', '.join(WEEKDAYS)}")
    days = tuple(WEEKDAYS.index(day) + 1 for day in table["weekdays"])
    for hours in table["hours_utc"]:
        parts = HOURS.match(hours)
        numbers = [int(part) for part in parts.groups()] if parts else [0, 0, 0, 0]
        begin, finish = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
        if not begin < finish <= 1440:
            raise WrongTable(f"hours {hours} are not HH:MM-HH:MM within a day")
        yield days, begin, finish


def _check_overlaps(rates: list[Rate]) -> None:
    seen: dict[tuple[str, int, str], list[Rate]] = {}
    for rate in rates:
        for other in seen.setdefault((rate.service_tier, rate.context_over, rate.meter), []):
            if rate.valid_from < other.valid_to and other.valid_from < rate.valid_to:
                raise WrongTable(f"two cards of {rate.model} give {rate.meter} at the same time")
        seen[(rate.service_tier, rate.context_over, rate.meter)].append(rate)


APPLY: Final[dict[str, Apply]] = {
    "model": _with_model,
    "meter": with_meter,
    "factor": _with_factor,
    "hosted": _with_hosted,
    "alias": _with_alias,
}
