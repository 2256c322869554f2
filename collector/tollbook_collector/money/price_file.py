"""The words of a price file: text, exact amounts, dates and patterns, checked as they are read."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from tollbook.model_call import TOKEN_CLASSES
from tollbook_collector.money.rate import (
    BEGINNING,
    END,
    RATE_SCALE,
    UNITS,
    is_unit,
    usd_per_token,
)

# A dearer price than this is a slip of the decimal point.
USD_PER_MILLION_MAX: Final = Decimal(1_000_000)
USD_PER_UNIT_MAX: Final = Decimal(1_000)
# Where a provider's cache writes with the long life are called by another time.
LONG_WRITE: Final = {"cache_write_12h": "cache_write_1h"}
# The detail of a unit, as the engine keeps it: image:hd/1024x1024.
UNIT: Final = re.compile(r"^[a-z_]+(:[a-z0-9/.-]{1,40})?$")
# What Python's regular expressions have and the engine's have not.
NOT_RE2: Final = re.compile(r"\(\?(?:[=!<]|P=|\()|\\[1-9]")
CURRENCY: Final = re.compile(r"^[A-Z]{3}$")

Table = Mapping[str, Any]


class WrongTable(Exception):
    """A table is wrong; its file and line are added by whoever knows them."""


def word(table: Table, name: str) -> str:
    """Return a field that is text and not empty."""
    value = table[name]
    if not isinstance(value, str) or not value:
        raise WrongTable(f"{name} is not text")
    return value


def words(table: Table, name: str) -> tuple[str, ...]:
    """Return a field that is a list of text."""
    value = table[name]
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise WrongTable(f'{name} is not a list of text, as in ["openai"]')
    return tuple(value)


def amount(value: Any, largest: Decimal) -> Decimal:
    """Return a number that is written as text, from 0 to `largest`."""
    if not isinstance(value, str):
        raise WrongTable(f'{value!r}: write a number as text, "0.1", so that it stays exact')
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise WrongTable(f"{value!r} is not a number") from error
    if not number.is_finite() or not 0 <= number <= largest:
        raise WrongTable(f"{value} is not between 0 and {largest}")
    return number


def token_rates(prices: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return rates per token by meter from prices per million tokens."""
    rates = {}
    for name, text in prices.items():
        meter = LONG_WRITE.get(name, name)
        if meter not in TOKEN_CLASSES:
            raise WrongTable(f"{name} is not a meter; there are {', '.join(TOKEN_CLASSES)}")
        rates[meter] = usd_per_token(amount(text, USD_PER_MILLION_MAX))
    return rates


def unit_rates(prices: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return rates of what is billed beside tokens, by meter, from prices for one unit."""
    rates = {}
    for meter, text in prices.items():
        if not is_unit(meter) or not UNIT.match(meter):
            raise WrongTable(
                f"{meter} is not a unit; there are {', '.join(UNITS)},"
                " and these with a detail, as image:hd/1024x1024"
            )
        price = amount(text, USD_PER_UNIT_MAX)
        rates[meter] = price.quantize(RATE_SCALE, ROUND_HALF_EVEN)
    return rates


def currency(table: Table) -> str:
    """Return the currency of a table's amounts, as ISO 4217 writes it."""
    value = table.get("currency", "USD")
    if not isinstance(value, str) or not CURRENCY.match(value):
        raise WrongTable(f"currency {value!r} is not three capital letters, as EUR")
    return value


def instant(value: Any, otherwise: datetime) -> datetime:
    """Return a date or time of TOML as an instant, UTC."""
    if value is None:
        return otherwise
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise WrongTable(f"{value!r} is not a date")


def validity(table: Table) -> tuple[datetime, datetime]:
    """Return from when on a table holds, and from when on no more."""
    start, end = instant(table.get("valid_from"), BEGINNING), instant(table.get("valid_to"), END)
    if start >= end:
        raise WrongTable(f"valid_from {start:%Y-%m-%d} is not before valid_to {end:%Y-%m-%d}")
    return start, end


def whole(match: str) -> str:
    """Return an expression that matches the whole string, in any case of letters."""
    try:
        re.compile(match)
    except re.error as error:
        raise WrongTable(f"match {match} is not a regular expression: {error}") from error
    if found := NOT_RE2.search(match):
        raise WrongTable(f"match {match} has {found[0]}, which RE2 does not know")
    return f"^(?i:{match.removeprefix('^').removesuffix('$')})$"


def refuse_unknown(table: Table, known: frozenset[str]) -> None:
    """Raise if a table has a name that nobody reads: a slip of the pen is never a silent default.

    Raises:
        WrongTable: It has one.
    """
    if unknown := sorted(table.keys() - known):
        raise WrongTable(f"{unknown[0]} is not a name here; there are {', '.join(sorted(known))}")
