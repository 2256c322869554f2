"""[[meter]] of a price file: a rate that the cards of models lack, beside those that they have.

    providers, models      whose cards; without models: all cards that lack the meter
    service_tier           the cards of this tier alone
    meter                  web_search, page, cache_write_12h, …
    per_unit               USD for one unit; or
    of, factor             so many times the rate of another meter of the card

A rate of the same meter that a named model had is replaced. It holds as long as its card does.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any, Final

from tollbook.model_call import TOKEN_CLASSES
from tollbook_collector.money.price_file import (
    LONG_WRITE,
    Table,
    WrongTable,
    amount,
    refuse_unknown,
    unit_rates,
    word,
    words,
)
from tollbook_collector.money.rate import RATE_SCALE, UNCONVERTED, Book, Rate

NAMES: Final = frozenset(
    {"providers", "models", "service_tier", "meter", "per_unit", "of", "factor"}
)
FACTOR_MAX: Final = Decimal(1_000)


def with_meter(book: Book, table: Table, source: str, exchange: Any) -> Book:
    """Return `book` with the rates of one [[meter]] table.

    Raises:
        WrongTable: It says something that cannot be, or no card is there to have it.
    """
    refuse_unknown(table, NAMES)
    providers = words(table, "providers")
    models = words(table, "models") if "models" in table else ()
    tier = word(table, "service_tier") if "service_tier" in table else None
    meter = LONG_WRITE.get(word(table, "meter"), word(table, "meter"))
    if ("per_unit" in table) == ("of" in table and "factor" in table):
        raise WrongTable("needs either per_unit, or of and factor")
    per_unit = unit_rates({meter: table["per_unit"]})[meter] if "per_unit" in table else None
    if per_unit is None and (meter not in TOKEN_CLASSES or word(table, "of") not in TOKEN_CLASSES):
        raise WrongTable(
            f"a factor is of one meter of tokens upon another: {', '.join(TOKEN_CLASSES)}"
        )
    rates: list[Rate] = []
    found: set[str] = set()
    for _, group in groupby(book.rates, key=lambda rate: rate.price_id):
        card = list(group)
        first = card[0]
        wanted = (
            first.provider in providers
            and (not models or first.model in models)
            and tier in (None, first.service_tier)
        )
        has_it = any(rate.meter in (meter, UNCONVERTED) for rate in card)
        if wanted and (models or not has_it):
            added = list(_added(card, meter, per_unit, table, source))
            if added:
                found.add(first.model)
                card = [rate for rate in card if rate.meter != meter] + added
        rates.extend(card)
    if missing := set(models) - found or (not found and set(providers)):
        raise WrongTable(f"no rates of {', '.join(sorted(missing))} to stand beside")
    return replace(book, rates=tuple(rates))


def _added(
    card: list[Rate], meter: str, per_unit: Decimal | None, table: Table, source: str
) -> Iterator[Rate]:
    if per_unit is not None:
        yield replace(card[0], meter=meter, rate_usd=per_unit, list_usd=None, source=source)
        return
    factor = amount(table["factor"], FACTOR_MAX)
    for rate in card:
        if rate.meter == table["of"]:
            times = (rate.rate_usd * factor).quantize(RATE_SCALE, ROUND_HALF_EVEN)
            yield replace(rate, meter=meter, rate_usd=times, source=source)
