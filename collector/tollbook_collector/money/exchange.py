"""Prices in other currencies: converted at the exchange rate of the day on which a call starts.

An exchange rate holds from its date until the next one, and EXCHANGE_DAYS at most. Where none holds
there is no price in USD: the card is then there without rates, and a call says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from tollbook_collector.money.price_file import Table, WrongTable, amount, currency, refuse_unknown
from tollbook_collector.money.rate import RATE_SCALE, UNCONVERTED, Rate

# A rate of a month serves the month; an older one is not taken for that of today.
EXCHANGE_DAYS: Final = 35
USD_MAX: Final = Decimal(1_000)

# USD for one unit of a currency, by the date from which it holds, in order.
ExchangeRates = Mapping[str, tuple[tuple[datetime, Decimal], ...]]


def read_exchange(table: Table) -> ExchangeRates:
    """Return the exchange rates of one [[exchange]] table.

    Raises:
        WrongTable: It says something that cannot be.
    """
    refuse_unknown(table, frozenset({"currency", "usd"}))
    name = currency(table)
    if name == "USD":
        raise WrongTable("an exchange rate is of another currency than USD")
    rates = []
    for day, value in table["usd"].items():
        try:
            at = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise WrongTable(f'{day} is not a date; write usd = {{ "2026-11-01" = "1.08" }}') from (
                error
            )
        if (usd := amount(value, USD_MAX)) == 0:
            raise WrongTable(f"an exchange rate of 0 on {day}")
        rates.append((at, usd))
    return {name: tuple(sorted(rates))}


def merged(one: ExchangeRates, other: ExchangeRates) -> ExchangeRates:
    """Return both; of two rates of a date the second holds."""
    names = [*one, *(name for name in other if name not in one)]
    return {
        name: tuple(sorted({**dict(one.get(name, ())), **dict(other.get(name, ()))}.items()))
        for name in names
    }


def in_usd(rate: Rate, name: str, exchange: ExchangeRates) -> Iterator[Rate]:
    """Yield what a rate in a currency is in USD, a piece for each exchange rate in its validity.

    Args:
        rate: Its amount is in the currency `name`.
        name: The currency; USD: the rate comes back as it is.
        exchange: All that are known.
    """
    if name == "USD":
        yield rate
        return
    for piece, usd in pieces(rate, name, exchange):
        if usd is None:
            yield piece
        else:
            converted = (rate.rate_usd * usd).quantize(RATE_SCALE, ROUND_HALF_EVEN)
            yield replace(piece, rate_usd=converted)


def pieces(rate: Rate, name: str, exchange: ExchangeRates) -> Iterator[tuple[Rate, Decimal | None]]:
    """Yield the parts of a rate's validity with the exchange rate that holds there.

    Its amount stays as it is; where no exchange rate holds (None) it is a rate of nothing.
    """
    known = exchange.get(name, ())
    reached = rate.valid_from
    for number, (day, usd) in enumerate(known):
        following = known[number + 1][0] if number + 1 < len(known) else rate.valid_to
        start = max(day, rate.valid_from)
        end = min(following, day + timedelta(days=EXCHANGE_DAYS), rate.valid_to)
        if start >= end:
            continue
        if reached < start:
            yield _unconverted(rate, name, reached, start), None
        source = f"{rate.source}, {name} at {usd} of {day:%Y-%m-%d}"
        yield replace(rate.within(start, end), source=source), usd
        reached = end
    if reached < rate.valid_to:
        yield _unconverted(rate, name, reached, rate.valid_to), None


def _unconverted(rate: Rate, name: str, start: datetime, end: datetime) -> Rate:
    return replace(
        rate.within(start, end),
        meter=UNCONVERTED,
        rate_usd=Decimal(0),
        list_usd=None,
        source=f"{rate.source}, no exchange rate of {name} holds",
    )
