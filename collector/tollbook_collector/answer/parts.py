"""The arithmetic of one call's cost: each class of its usage, its rate, and what that makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.answer.questions import Answerer
from tollbook_collector.store import sql

# In the order of the rates in queries/rate_card: the words for the tokens of a class.
CLASSES: Final = (
    "input",
    "read from cache",
    "written to cache",
    "written to cache for an hour",
    "input audio",
    "input image",
    "output",
    "reasoning",
    "output audio",
    "output image",
)
MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Part:
    """Tokens of one class, or units beside them, and what they cost.

    Args:
        name: Of the class or unit.
        quantity: Of this class alone: the classes share none.
        rate_usd: Of a million tokens, or of one unit.
        per_million: Whether it is of a million.
        cost_usd: Exact.
    """

    name: str
    quantity: int
    rate_usd: Decimal
    per_million: bool
    cost_usd: Decimal


@dataclass(frozen=True)
class Parts:
    """How the cost of a call comes about.

    Args:
        parts: The classes with tokens; their costs add up to the cost of record.
        source: Where the rates are from.
    """

    parts: Sequence[Part]
    source: str


def parts_of(store: Answerer, call: Mapping[str, Any]) -> Parts | None:
    """Return how a call's cost comes about, None if the rates that made it are not in force now.

    Args:
        store: Where the rates are.
        call: The call, as the question `call` answers.
    """
    if call["cost_usd"] is None or not call["price_id"]:
        return None
    asked = {
        "price_id": call["price_id"],
        "units": list(call["units"]),
        "counts": [int(count) for count in call["units"].values()],
        "has_tokens": call["input_tokens"] is not None or call["output_tokens"] is not None,
    }
    rows = store.rows(sql.read("queries/rate_card"), asked)
    if not rows:
        return None
    *rates, meters, unit_rates, quantities, source = rows[0]
    parts = [
        Part(name, tokens, Decimal(rate) * MILLION, True, tokens * Decimal(rate))
        for name, tokens, rate in zip(CLASSES, _tokens(call), rates, strict=True)
        if tokens
    ]
    parts += [
        Part(meter.replace("_", " "), quantity, Decimal(rate), False, quantity * Decimal(rate))
        for meter, quantity, rate in zip(meters, quantities, unit_rates, strict=True)
        if quantity
    ]
    total = sum((part.cost_usd for part in parts), Decimal(0))
    # A newer book may have other rates under the same id; then this is not how it came about.
    return Parts(parts, source) if total == Decimal(call["cost_usd"]) else None


def _tokens(call: Mapping[str, Any]) -> list[int]:
    """Return the tokens of each class, as the price function splits them."""
    input_parts = [call["input_audio_tokens"], call["input_image_tokens"]]
    written, for_an_hour = call["cache_write_tokens"], call["cache_write_1h_tokens"]
    output_parts = [
        call[f"{name}_tokens"] for name in ("reasoning", "output_audio", "output_image")
    ]
    cached = call["cache_read_tokens"]
    return [
        (call["input_tokens"] or 0) - cached - written - sum(input_parts),
        cached,
        written - for_an_hour,
        for_an_hour,
        *input_parts,
        (call["output_tokens"] or 0) - sum(output_parts),
        *output_parts,
    ]
