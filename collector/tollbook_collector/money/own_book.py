"""Price files of ours and of the user's: TOML that completes and overrides a price book.

A file has `source_url`, `verified_at` and `confidence`, and any number of

    [[model]]     provider, model, optionally match (a regular expression for the whole name), and
                  [[model.card]] with usd_per_million by meter; they replace all its cards before
    [[factor]]    providers, models and a factor upon their standard cards, for a service_tier, or
                  for a variant: region:us, or window:peak with weekdays and hours_utc

A bad file is refused whole, with the line of the table that is wrong and the reason.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from tollbook_collector.money.rate import (
    BEGINNING,
    END,
    METERS,
    RATE_SCALE,
    STANDARD,
    Book,
    ModelPattern,
    Rate,
    Window,
    usd_per_token,
)

DIRECTORY: Final = Path(__file__).with_name("book")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: Final = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
# A dearer price than this is a slip of the decimal point.
USD_PER_MILLION_MAX: Final = Decimal(1_000_000)
FILE_BYTES_MAX: Final = 4 << 20

Table = Mapping[str, Any]


class UnreadablePrices(Exception):
    """A price file says something that cannot be; nothing of it was used."""


class _Wrong(Exception):
    """A table is wrong; its place is added by whoever knows it."""


def own_files(directory: Path | None = None) -> list[Path]:
    """Return our price files and those of a directory, in the order in which they apply."""
    theirs = sorted(directory.glob("*.toml")) if directory and directory.is_dir() else []
    return [*sorted(DIRECTORY.glob("*.toml")), *theirs]


def completed(book: Book, files: Iterable[Path]) -> Book:
    """Return `book` with what price files add to it or replace in it.

    Raises:
        UnreadablePrices: A file is wrong; the message names its line and the reason.
    """
    for file in files:
        book = _with_file(book, file)
    return book


def _with_file(book: Book, path: Path) -> Book:
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
    # A figure that was not read at its source says so wherever it is shown.
    unread = "not checked at " if document.get("confidence") == "secondary" else ""
    source = f"{path.stem} {document['verified_at']} {unread}{document['source_url']}"
    for kind, apply in (("model", _with_model), ("factor", _with_factor)):
        for number, table in enumerate(document.get(kind, [])):
            try:
                book = apply(book, table, source)
            except (_Wrong, KeyError, TypeError, AttributeError, InvalidOperation) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                line = _line(text, kind, number)
                raise UnreadablePrices(
                    f"{path.name}: line {line}: [[{kind}]] {reason or 'not a number'}"
                ) from error
    return book


def _line(text: str, kind: str, number: int) -> int:
    """Return the line of the table of a kind, counted from 0, that has this number."""
    starts = [
        line
        for line, content in enumerate(text.splitlines(), start=1)
        if content.strip() == f"[[{kind}]]"
    ]
    return starts[number] if number < len(starts) else 1


def _with_model(book: Book, table: Table, source: str) -> Book:
    provider, model = _word(table, "provider"), _word(table, "model")
    rates = [rate for card in table["card"] for rate in _card(provider, model, card, source)]
    _check_overlaps(rates)
    patterns = book.patterns
    match = table.get("match")
    if match is None and not any(p.provider == provider and p.model == model for p in patterns):
        match = re.escape(model.lower())
    if match is not None:
        # What a file names comes before what the library matches.
        patterns = (ModelPattern(provider, _whole(match), model), *patterns)
    others = (rate for rate in book.rates if (rate.provider, rate.model) != (provider, model))
    windows = (w for w in book.windows if (w.provider, w.model) != (provider, model))
    return replace(book, patterns=patterns, rates=(*others, *rates), windows=tuple(windows))


def _card(provider: str, model: str, card: Table, source: str) -> Iterator[Rate]:
    tier = card.get("service_tier", STANDARD)
    context_over = int(card.get("context_over", 0))
    start, end = _instant(card.get("valid_from"), BEGINNING), _instant(card.get("valid_to"), END)
    if start >= end:
        raise _Wrong(f"valid_from {start:%Y-%m-%d} is not before valid_to {end:%Y-%m-%d}")
    prices = card["usd_per_million"]
    if "input" not in prices and "output" not in prices:
        raise _Wrong("usd_per_million has neither input nor output")
    for meter, text in prices.items():
        if meter not in METERS:
            raise _Wrong(f"{meter} is not a meter; there are {', '.join(METERS)}")
        yield Rate(
            price_id=f"{provider}/{model}/{tier}/{context_over}/{start:%Y-%m-%d}",
            provider=provider,
            model=model,
            service_tier=tier,
            context_over=context_over,
            meter=meter,
            rate_usd=usd_per_token(_amount(text, USD_PER_MILLION_MAX)),
            valid_from=start,
            valid_to=end,
            source=source,
        )


def _with_factor(book: Book, table: Table, source: str) -> Book:
    factor = _amount(table["factor"], Decimal(1000))
    variant, tier = table.get("variant", ""), table.get("service_tier", "")
    if bool(variant) == bool(tier):
        raise _Wrong("needs either service_tier or variant")
    start, end = _instant(table.get("valid_from"), BEGINNING), _instant(table.get("valid_to"), END)
    wanted = {(p, m) for p in table["providers"] for m in table["models"]}
    known = {(rate.provider, rate.model) for rate in book.rates}
    if missing := {model for _, model in wanted} - {model for _, model in known & wanted}:
        raise _Wrong(f"no rates of {', '.join(sorted(missing))} to multiply")
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
    price_id = f"{rate.provider}/{rate.model}/{name}/{rate.context_over}/{start:%Y-%m-%d}"
    return replace(
        rate,
        price_id=f"{price_id}/{variant}" if variant else price_id,
        service_tier=name,
        variant=variant,
        rate_usd=(rate.rate_usd * factor).quantize(RATE_SCALE, ROUND_HALF_EVEN),
        valid_from=start,
        source=source,
    )


def _hours(table: Table, variant: str) -> Iterator[tuple[tuple[int, ...], int, int]]:
    if not variant.startswith("window:"):
        if variant and not variant.startswith("region:"):
            raise _Wrong(f"variant {variant} is neither region:… nor window:…")
        return
    unknown = [day for day in table["weekdays"] if day not in WEEKDAYS]
    if unknown:
        raise _Wrong(f"weekday {unknown[0]} is not one of {', '.join(WEEKDAYS)}")
    days = tuple(WEEKDAYS.index(day) + 1 for day in table["weekdays"])
    for hours in table["hours_utc"]:
        parts = HOURS.match(hours)
        numbers = [int(part) for part in parts.groups()] if parts else [0, 0, 0, 0]
        begin, finish = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
        if not begin < finish <= 1440:
            raise _Wrong(f"hours {hours} are not HH:MM-HH:MM within a day")
        yield days, begin, finish


def _check_overlaps(rates: list[Rate]) -> None:
    seen: dict[tuple[str, int, str], list[Rate]] = {}
    for rate in rates:
        for other in seen.setdefault((rate.service_tier, rate.context_over, rate.meter), []):
            if rate.valid_from < other.valid_to and other.valid_from < rate.valid_to:
                raise _Wrong(f"two cards of {rate.model} give {rate.meter} at the same time")
        seen[(rate.service_tier, rate.context_over, rate.meter)].append(rate)


def _word(table: Table, name: str) -> str:
    value = table[name]
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{name} is not text")
    return value


def _amount(value: Any, largest: Decimal) -> Decimal:
    if not isinstance(value, str):
        raise _Wrong(f'{value!r}: write a number as text, "0.1", so that it stays exact')
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= largest:
        raise _Wrong(f"{value} is not between 0 and {largest}")
    return amount


def _instant(value: Any, otherwise: datetime) -> datetime:
    if value is None:
        return otherwise
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise _Wrong(f"{value!r} is not a date")


def _whole(match: str) -> str:
    try:
        re.compile(match)
    except re.error as error:
        raise _Wrong(f"match {match} is not a regular expression: {error}") from error
    return f"^(?:{match.removeprefix('^').removesuffix('$')})$"
