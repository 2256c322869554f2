"""What a call costs by a price book, in Python: for the command line, and to check SQL against.

Calls are priced in SQL; this is the same rule in exact decimals, held equal by tests. Tokens fall
into disjoint classes, each with one rate; a class without a rate costs what it is part of. What is
billed beside tokens (searches, images, seconds of audio, …) has a rate for each unit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from tollbook_collector.money.price_file import LONG_WRITE, UNIT
from tollbook_collector.money.rate import (
    FEES,
    MILLISECOND,
    STANDARD,
    UNCONVERTED,
    UNITS,
    Book,
    Rate,
    is_unit,
)

# The class that a class is part of, and whose rate it has where it has none.
PARENTS: Final = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "input_image": "input",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
}
METERS: Final = ("input", "output", *PARENTS)
STANDARD_TIERS: Final = frozenset({"", "default", "auto", "standard"})
# Capacity that was bought ahead: a call adds nothing to what the commitment costs.
COMMITTED_TIERS: Final = frozenset({"provisioned_throughput", "reserved"})
TOKENS_MAX: Final = 1 << 40


class ImpossibleUsage(ValueError):
    """The tokens that were given contradict each other, so there is no cost."""


@dataclass(frozen=True)
class Asked:
    """A call whose cost is asked for.

    Args:
        provider: As the GenAI conventions name it.
        model: As the provider names it.
        at: When it started, UTC.
        usage: Tokens by meter; input and output are totals, the others parts of them. Beside
            them units, as web_search, or image:hd/1024x1024 with a detail.
        service_tier: The tier that served it; batch for a batch.
        region: Where it was processed; empty: anywhere.
        duration_ms: How long it took, for models that are priced by time.
    """

    provider: str
    model: str
    at: datetime
    usage: Mapping[str, int]
    service_tier: str = STANDARD
    region: str = ""
    duration_ms: int = 0


@dataclass(frozen=True)
class Cost:
    """What it costs.

    Args:
        status: priced, tier_fallback or unpriced.
        cost_usd: None: unknown.
        parts: USD by class of tokens and by unit; they add up to the cost.
        price_id: The rate card; empty: none.
        model: Name in the price book; empty: not in it.
        reason: Why it is unpriced; empty: it is priced.
        source: Where the rates were read.
    """

    status: str
    cost_usd: Decimal | None = None
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    price_id: str = ""
    model: str = ""
    reason: str = ""
    source: str = ""


def cost(book: Book, asked: Asked) -> Cost:
    """Return what a call costs by `book`.

    Raises:
        ImpossibleUsage: Parts are greater than their whole, or a number is out of range.
    """
    quantities, units = disjoint(asked.usage), units_of(asked.usage)
    model = find(book, asked.provider, asked.model)
    if not model:
        return Cost("unpriced", reason="unknown_model")
    rates = [
        rate
        for rate in book.rates
        if (rate.provider, rate.model) == (asked.provider, model)
        and rate.valid_from <= asked.at < rate.valid_to
    ]
    tier = asked.service_tier.lower()
    tier = STANDARD if tier in STANDARD_TIERS else tier
    status = "priced" if any(rate.service_tier == tier for rate in rates) else "tier_fallback"
    card = _card(book, asked, model, rates, tier if status == "priced" else STANDARD)
    if not card:
        return Cost("unpriced", model=model, reason="no_rate")
    by_meter = {rate.meter: rate.rate_usd for rate in card}
    if UNCONVERTED in by_meter:
        return Cost("unpriced", model=model, reason="no_exchange_rate", source=card[0].source)
    parts = _parts(by_meter, asked, quantities, units)
    if isinstance(parts, str):
        return Cost("unpriced", model=model, reason=parts)
    if status == "tier_fallback" and tier in COMMITTED_TIERS:
        status, parts = "priced", {}
    total = sum(parts.values(), Decimal(0))
    return Cost(status, total, parts, card[0].price_id, model, "", card[0].source)


def _parts(
    by_meter: Mapping[str, Decimal],
    asked: Asked,
    quantities: Mapping[str, int],
    units: Mapping[str, int],
) -> dict[str, Decimal] | str:
    """Return USD by class of tokens and by unit, or the reason why they have no price."""
    parts: dict[str, Decimal] = {}
    if by_meter.get(MILLISECOND):
        parts[MILLISECOND] = asked.duration_ms * by_meter[MILLISECOND]
    has_tokens = "input" in asked.usage or "output" in asked.usage
    billed = unit_quantities(units, by_meter, has_tokens)
    has_token_rates = "input" in by_meter or "output" in by_meter
    if any(has_no_rate(unit, by_meter, has_token_rates) for unit, count in units.items() if count):
        return "no_rate"
    is_measured = any(count and meter.partition(":")[0] not in FEES for meter, count in billed)
    if units and not has_tokens and not is_measured:
        return "no_usage"
    for meter, tokens in quantities.items():
        price = _rate(by_meter, meter)
        # What is measured by a card without rates for tokens has its tokens with it.
        if tokens and price is None and (has_token_rates or not is_measured):
            return "no_rate"
        if tokens and price is not None:
            parts[meter] = tokens * price
    parts.update({meter: count * by_meter[meter] for meter, count in billed if count})
    return parts


def find(book: Book, provider: str, name: str) -> str:
    """Return the book's name of a model, by the first pattern that matches; empty: none does."""
    lower = name.lower()
    return next(
        (
            rule.model
            for rule in book.patterns
            if rule.provider == provider and re.match(rule.pattern, lower)
        ),
        "",
    )


def units_of(usage: Mapping[str, int]) -> dict[str, int]:
    """Return what of a usage is billed beside tokens."""
    return {meter: count for meter, count in usage.items() if is_unit(meter)}


def unit_quantities(
    units: Mapping[str, int], rates: Mapping[str, Decimal], has_tokens: bool
) -> list[tuple[str, int]]:
    """Return each meter of a card beside those of tokens, with how many of it a call is billed for.

    A unit with a detail is billed by the meter of that detail, and where the card has none by the
    meter without. An image is billed by tokens where there are tokens; a request is billed once.

    Args:
        units: Of the call.
        rates: Of the card, by meter.
        has_tokens: Whether the call says its tokens.
    """
    billed: list[tuple[str, int]] = []
    for meter in filter(is_unit, rates):
        count = sum(n for unit, n in units.items() if meter_of(unit, rates) == meter)
        if meter == "request_fee":
            said = (unit for unit in units if unit.startswith("request_fee:"))
            count = int(all(unit not in rates for unit in said))
        elif has_tokens and meter.startswith("image"):
            count = 0
        billed.append((meter, count))
    return billed


def meter_of(unit: str, rates: Mapping[str, Decimal]) -> str:
    """Return the meter that a unit is billed by: its own, or that without its detail."""
    return unit if unit in rates else unit.partition(":")[0]


def has_no_rate(unit: str, rates: Mapping[str, Decimal], has_token_rates: bool) -> bool:
    """Return whether a unit that was used leaves the cost unknown."""
    name = unit.partition(":")[0]
    if unit.startswith("request_fee:") or meter_of(unit, rates) in rates:
        return False
    return name in FEES or not has_token_rates


def disjoint(usage: Mapping[str, int]) -> dict[str, int]:
    """Return the tokens by class, each token in exactly one; units beside them are left out.

    Raises:
        ImpossibleUsage: There is an unknown meter, a number out of range, or too large a part.
    """
    for name, tokens in usage.items():
        meter = LONG_WRITE.get(name, name)
        if meter not in METERS and not (is_unit(meter) and UNIT.match(meter)):
            raise ImpossibleUsage(
                f"{meter} is not a meter; there are {', '.join((*METERS, *UNITS))}"
            )
        if not 0 <= tokens <= TOKENS_MAX:
            raise ImpossibleUsage(f"{meter}={tokens} is not between 0 and {TOKENS_MAX}")
    full = {meter: usage.get(meter, 0) for meter in METERS}
    full["cache_write_1h"] += sum(usage.get(name, 0) for name in LONG_WRITE)
    # Writes of an hour may be given beside the others or as part of a total of writes.
    if full["cache_write"] < full["cache_write_1h"]:
        full["cache_write"] += full["cache_write_1h"]
    quantities = dict(full)
    for meter, parent in PARENTS.items():
        quantities[parent] -= full[meter]
    for meter, tokens in quantities.items():
        if tokens < 0:
            raise ImpossibleUsage(
                f"the parts of {meter} are {-tokens} more than its total of {full[meter]};"
                " totals include their parts"
            )
    return quantities


def variant(book: Book, asked: Asked, model: str) -> str:
    """Return the variant that a call is of: its window, else its region, else none."""
    windows = [w for w in book.windows if (w.provider, w.model) == (asked.provider, model)]
    minute = asked.at.hour * 60 + asked.at.minute
    for window in windows:
        inside = window.start_minute <= minute < window.end_minute
        if inside and asked.at.isoweekday() in window.weekdays:
            return window.variant
    return f"region:{asked.region.lower()}" if asked.region and not windows else ""


def _card(book: Book, asked: Asked, model: str, rates: list[Rate], tier: str) -> list[Rate]:
    """Return the rates of the card of a tier that fits the length of the input and the variant."""
    input_tokens = asked.usage.get("input", 0)
    fitting = [
        rate
        for rate in rates
        if rate.service_tier == tier and (not rate.context_over or input_tokens > rate.context_over)
    ]
    anywhere = [rate for rate in fitting if not rate.variant]
    step = max((rate.context_over for rate in anywhere), default=0)
    wanted = variant(book, asked, model)
    of_variant = [r for r in fitting if r.variant == wanted and r.context_over == step]
    return of_variant or [rate for rate in anywhere if rate.context_over == step]


def _rate(by_meter: Mapping[str, Decimal], meter: str) -> Decimal | None:
    root = PARENTS.get(meter, meter)
    root = PARENTS.get(root, root)
    if root not in by_meter:
        return None
    while meter not in by_meter:
        meter = PARENTS[meter]
    return by_meter[meter]
