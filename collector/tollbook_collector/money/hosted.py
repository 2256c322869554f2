"""Models on machines of one's own: a price by the hour of a GPU becomes a price of a call's time.

Amortised: a call costs its share of the machine for as long as it ran, and its tokens nothing. The
rate is per millisecond of the call, so that money stays whole numbers times a rate.
"""

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from tollbook_collector.money.exchange import ExchangeRates, in_usd
from tollbook_collector.money.price_file import (
    Table,
    WrongTable,
    amount,
    currency,
    refuse_unknown,
    validity,
    whole,
    word,
)
from tollbook_collector.money.rate import (
    HOSTED,
    MILLISECOND,
    RATE_SCALE,
    STANDARD,
    ModelPattern,
    Rate,
    price_id,
)

PER_HOUR_MAX: Final = Decimal(100_000)
GPUS_MAX: Final = 100_000
CALLS_AT_ONCE_MAX: Final = 100_000
MILLISECONDS: Final = {"per_hour": 3_600_000, "per_gpu_second": 1_000}
NAMES: Final = frozenset(
    {"provider", "model", "match", "gpus", "calls_at_once", "currency", "valid_from", "valid_to"}
) | frozenset(MILLISECONDS)


def read_hosted(
    table: Table, source: str, exchange: ExchangeRates
) -> tuple[ModelPattern, list[Rate]]:
    """Return the pattern and the rates of one [[hosted]] table.

    Raises:
        WrongTable: It says something that cannot be.
    """
    refuse_unknown(table, NAMES)
    provider, model = word(table, "provider"), word(table, "model")
    given = [name for name in MILLISECONDS if name in table]
    if len(given) != 1:
        raise WrongTable("needs either per_hour or per_gpu_second, of one GPU")
    gpus = _count(table, "gpus", GPUS_MAX)
    calls = _count(table, "calls_at_once", CALLS_AT_ONCE_MAX)
    price = amount(table[given[0]], PER_HOUR_MAX)
    per_call_ms = (price * gpus / calls / MILLISECONDS[given[0]]).quantize(
        RATE_SCALE, ROUND_HALF_EVEN
    )
    if per_call_ms == 0:
        raise WrongTable(f"{given[0]} {price} is less than 1e-12 for a millisecond of a call")
    pattern = ModelPattern(provider, whole(table.get("match") or re.escape(model.lower())), model)
    return pattern, list(dict.fromkeys(_rates(table, pattern, per_call_ms, source, exchange)))


def _rates(
    table: Table, pattern: ModelPattern, per_ms: Decimal, source: str, exchange: ExchangeRates
) -> Iterator[Rate]:
    start, end = validity(table)
    # Its tokens have a rate, which is nothing: what is paid for is the time.
    for meter, rate_usd in (
        ("input", Decimal(0)),
        ("output", Decimal(0)),
        (MILLISECOND, per_ms),
    ):
        rate = Rate(
            price_id=price_id(pattern.provider, pattern.model, STANDARD, 0, start, HOSTED),
            provider=pattern.provider,
            model=pattern.model,
            service_tier=STANDARD,
            context_over=0,
            meter=meter,
            rate_usd=rate_usd,
            valid_from=start,
            valid_to=end,
            source=source,
        )
        yield from in_usd(rate, currency(table), exchange)


def _count(table: Table, name: str, largest: int) -> int:
    value = table.get(name, 1)
    if not isinstance(value, int) or not 1 <= value <= largest:
        raise WrongTable(f"{name} {value!r} is not a whole number from 1 to {largest}")
    return value
