"""Contracts: what was agreed below the list price, for which models and how long.

The rate of a card under contract is the contracted one, and its list price is kept beside it, so
that list, contracted and effective cost can each be told. A contract lies over the list: it is
applied after every price file, whatever its place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from tollbook_collector.money.exchange import ExchangeRates, pieces
from tollbook_collector.money.price_file import (
    Table,
    WrongTable,
    amount,
    currency,
    refuse_unknown,
    token_rates,
    unit_rates,
    validity,
    words,
)
from tollbook_collector.money.rate import CONTRACT, RATE_SCALE, Book, Rate

NAMES: Final = frozenset(
    {
        "providers",
        "models",
        "service_tiers",
        "discount",
        "per_million",
        "per_unit",
        "currency",
        "valid_from",
        "valid_to",
    }
)


def with_contract(book: Book, table: Table, source: str, exchange: ExchangeRates) -> Book:
    """Return `book` with the rates of one [[contract]] table in place of the list's.

    Raises:
        WrongTable: It says something that cannot be, or no rate is under it.
    """
    refuse_unknown(table, NAMES)
    providers = words(table, "providers")
    models = words(table, "models") if "models" in table else ()
    tiers = words(table, "service_tiers") if "service_tiers" in table else ()
    start, end = validity(table)
    agreed = _agreed(table)

    def is_under(rate: Rate) -> bool:
        return (
            rate.provider in providers
            and (not models or rate.model in models)
            and (not tiers or rate.service_tier in tiers)
            and max(rate.valid_from, start) < min(rate.valid_to, end)
        )

    under = [rate for rate in book.rates if is_under(rate)]
    known = {rate.model for rate in under}
    if not under or (missing := [model for model in models if model not in known]):
        names = ", ".join(missing if under else models or providers)
        raise WrongTable(f"no rates of {names} in that time to agree on")
    rates: list[Rate] = []
    for rate in book.rates:
        if is_under(rate):
            rates.extend(_pieces(rate, start, end, table, agreed, source, exchange))
        else:
            rates.append(rate)
    # Pieces of one card stand together, as their order is that of the rates.
    return replace(book, rates=tuple(dict.fromkeys(rates)))


def _agreed(table: Table) -> Decimal | Mapping[str, Decimal]:
    """Return the factor upon the list, or the rates per token by meter in the table's currency."""
    is_agreed = "per_million" in table or "per_unit" in table
    if is_agreed == ("discount" in table):
        raise WrongTable("needs either a discount, as 0.15 for 15 %, or per_million and per_unit")
    if not is_agreed:
        return 1 - amount(table["discount"], Decimal(1))
    return {
        **token_rates(table.get("per_million", {})),
        **unit_rates(table.get("per_unit", {})),
    }


def _pieces(
    rate: Rate,
    start: datetime,
    end: datetime,
    table: Table,
    agreed: Decimal | Mapping[str, Decimal],
    source: str,
    exchange: ExchangeRates,
) -> Iterator[Rate]:
    """Yield a rate before, under and after a contract; a discount is always one off the list."""
    if rate.valid_from < start:
        yield rate.within(rate.valid_from, start)
    list_usd = rate.rate_usd if rate.list_usd is None else rate.list_usd
    under = replace(
        rate.within(max(rate.valid_from, start), min(rate.valid_to, end), CONTRACT),
        rate_usd=list_usd,
        list_usd=list_usd,
        source=source,
    )
    if isinstance(agreed, Decimal):
        discounted = (list_usd * agreed).quantize(RATE_SCALE, ROUND_HALF_EVEN)
        yield replace(under, rate_usd=discounted)
    elif (name := currency(table)) == "USD":
        yield replace(under, rate_usd=agreed.get(rate.meter, list_usd))
    else:
        # All meters of a card are cut at the same days, whether their price is converted or not.
        for piece, usd in pieces(under, name, exchange):
            if usd is not None and rate.meter in agreed:
                converted = (agreed[rate.meter] * usd).quantize(RATE_SCALE, ROUND_HALF_EVEN)
                yield replace(piece, rate_usd=converted)
            else:
                yield piece
    if end < rate.valid_to:
        yield rate.within(end, rate.valid_to)
