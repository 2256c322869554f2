"""The cost of a call at the time of the call, from the price file that comes with the package."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Final

from tollbook.model_call import Call, Usage
from tollbook.tally import RATES_UNREADABLE, Losses
from tollbook.units import FEES, REQUEST_FEE, billed, has_no_rate, units_of

RATES_PATH: Final = Path(__file__).with_name("rates.json")
STANDARD: Final = "standard"
PROVIDER: Final = "provider"  # the source of a cost that the answer said
# Names under which providers report the tier that everybody gets.
STANDARD_TIERS: Final = frozenset({"", "default", "auto", "standard"})
# Capacity that was bought ahead: a call adds nothing to what the commitment costs.
COMMITTED_TIERS: Final = frozenset({"provisioned_throughput", "reserved"})
REMEMBERED_MODELS_MAX: Final = 4096  # pairs of provider and model name
MODEL_CHARS_MAX: Final = 256  # longer names are not looked up: they are no model's
WITHOUT_OUTPUT: Final = frozenset({"embeddings"})  # their providers report no output at all
# Exact for sums of products of 64-bit counts and rates of up to 30 digits.
EXACT: Final = Context(prec=80)
# Where a part of the tokens has no rate of its own, it costs what the whole costs.
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


@dataclass(frozen=True, slots=True)
class Card:
    """The rates of a model for one tier and context, in one span of time.

    Attributes:
        price_id: Names the card, for those who ask why.
        service_tier: `standard`, `flex`, `priority`, ….
        context_over: Holds for calls with more input tokens than this; 0 holds for all.
        valid_from_ns: Unix time in nanoseconds from which it holds.
        valid_to_ns: Unix time in nanoseconds from which it does not any more, or None.
        rates: USD per token by class of tokens, and for one of each unit beside them.
    """

    price_id: str
    service_tier: str
    context_over: int
    valid_from_ns: int
    valid_to_ns: int | None
    rates: Mapping[str, Decimal]

    def holds_at(self, time_ns: int) -> bool:
        """Return whether the card holds for a call that starts then."""
        return self.valid_from_ns <= time_ns and (
            self.valid_to_ns is None or time_ns < self.valid_to_ns
        )

    def holds_for(self, input_tokens: int) -> bool:
        """Return whether the card holds for a call with that much input, cached or not."""
        return self.context_over == 0 or input_tokens > self.context_over

    def rate(self, token_class: str) -> Decimal | None:
        """Return the rate of a class of tokens: its own or that of the class it is part of."""
        rate = self.rates.get(token_class)
        if rate is None and token_class in PARENTS:
            return self.rate(PARENTS[token_class])
        return rate


@dataclass(slots=True)
class Model:
    """The cards of a model and the pattern that its names match.

    A variant is `region:us` or `window:peak`: cards that hold there, or at those hours.
    """

    pattern: str
    raw_cards: list[dict[str, Any]]
    raw_variants: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Variant, weekdays from 1 for Monday, first and end minute of the day; all UTC.
    windows: Sequence[tuple[str, Sequence[int], int, int]] = ()
    _compiled: re.Pattern[str] | None = None
    _cards: dict[str, list[Card]] = field(default_factory=dict)

    def matches(self, name: str) -> bool:
        """Return whether a lower-case model name is one of this model's."""
        if self._compiled is None:
            self._compiled = re.compile(self.pattern)
        return self._compiled.search(name) is not None

    def cards(self, variant: str = "") -> list[Card]:
        """Return the cards of a variant, read when they are first asked for."""
        if variant not in self._cards:
            raw = self.raw_variants.get(variant, []) if variant else self.raw_cards
            self._cards[variant] = [read_card(card) for card in raw]
        return self._cards[variant]

    def variant(self, call: Call) -> str:
        """Return the variant that a call is of: its window, else its region, else none."""
        if self.windows:
            at = datetime.fromtimestamp(call.start_time_ns // 1_000_000_000, UTC)
            minute = at.hour * 60 + at.minute
            for variant, weekdays, start, end in self.windows:
                if at.isoweekday() in weekdays and start <= minute < end:
                    return variant
            return ""
        return f"region:{call.response.region}" if call.response.region else ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost.

    Attributes:
        usd: US dollars, exact.
        price_id: The card that it was computed with; None where the provider said the cost.
        source: `local`, or `provider` where the answer itself said what it is charged.
    """

    usd: Decimal
    price_id: str | None
    source: str = "local"


@dataclass
class PriceBook:
    """The price file, read at the first question. Used by one thread.

    Args:
        path: A JSON file `{"models": [{"provider", "model", "match", "cards"}]}`.
        losses: Where a file that cannot be read is counted.
    """

    path: Path
    losses: Losses
    _remembered: dict[tuple[str, str], Model | None] = field(default_factory=dict)
    # Not a `cached_property`: before Python 3.12 that has a lock, one for all instances, and a
    # child that is forked while a thread reads the file would wait for that thread without an end.
    _models: Mapping[str, list[Model]] | None = None

    @property
    def models(self) -> Mapping[str, list[Model]]:
        """Models by provider, in the order of the file."""
        if self._models is None:
            self._models = self._read()
        return self._models

    def _read(self) -> Mapping[str, list[Model]]:
        models: dict[str, list[Model]] = {}
        try:
            book = json.loads(self.path.read_bytes())
            for entry in book["models"]:
                model = Model(
                    entry["match"],
                    entry["cards"],
                    entry.get("variants", {}),
                    entry.get("windows", ()),
                )
                models.setdefault(entry["provider"], []).append(model)
        except (OSError, ValueError, KeyError, TypeError):
            self.losses.count(RATES_UNREADABLE)
            return {}
        return models

    def cost(self, call: Call) -> Cost | None:
        """Return the cost of a call; None where a rate or a part of its usage is unknown.

        What the provider itself says that it charges wins over what the rates make of the tokens.
        """
        usage = call.response.usage
        if usage is None:
            return None
        if usage.reported_cost_usd is not None:
            return Cost(Decimal(usage.reported_cost_usd), None, PROVIDER)
        if not call.response.usage_complete:
            return None
        try:
            return self._cost(call, usage)
        except (KeyError, TypeError, ValueError, ArithmeticError, re.error):
            self.losses.count(RATES_UNREADABLE)
            return None

    def _cost(self, call: Call, usage: Usage) -> Cost | None:
        for name in (call.response.model, call.request.model):
            model = self.find(call.provider, name) if name else None
            if model is not None:
                card = choose(model, call, usage.input_tokens or 0)
                is_whole = usage.output_tokens is not None or call.operation in WITHOUT_OUTPUT
                usd = amount(card, usage, is_whole) if card is not None else None
                tier = (call.response.service_tier or "").lower()
                if (
                    usd is not None
                    and card is not None
                    and tier in COMMITTED_TIERS - {card.service_tier}
                ):
                    usd = Decimal(0)
                return Cost(usd, card.price_id) if card is not None and usd is not None else None
        return None

    def find(self, provider: str, name: str) -> Model | None:
        """Return the first model of a provider whose pattern a name matches."""
        if len(name) > MODEL_CHARS_MAX:
            return None
        key = (provider, name.lower())
        if key not in self._remembered:
            if len(self._remembered) >= REMEMBERED_MODELS_MAX:
                self._remembered.clear()
            candidates = self.models.get(provider, [])
            found = next((model for model in candidates if model.matches(key[1])), None)
            self._remembered[key] = found
        return self._remembered[key]


def read_card(card: Mapping[str, Any]) -> Card:
    """Return one card of the price file."""
    return Card(
        price_id=card["price_id"],
        service_tier=card["service_tier"],
        context_over=int(card["context_over"]),
        valid_from_ns=unix_time_ns(card["valid_from"]),
        valid_to_ns=unix_time_ns(card["valid_to"]) if card["valid_to"] is not None else None,
        rates={name: Decimal(rate) for name, rate in card["rates"].items() if rate is not None},
    )


def unix_time_ns(text: str) -> int:
    """Return an ISO 8601 time as Unix time in nanoseconds."""
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def choose(model: Model, call: Call, input_tokens: int) -> Card | None:
    """Return the card for a call: that of the tier served, else the standard one.

    Tier and context step are those of the cards for anywhere and any time; the card of the call's
    variant takes their place where there is one.
    """
    served = (call.response.service_tier or "").lower()
    tier = STANDARD if served in STANDARD_TIERS else served
    in_time = [card for card in model.cards() if card.holds_at(call.start_time_ns)]
    of_tier = [card for card in in_time if card.service_tier == tier]
    if not of_tier:
        of_tier = [card for card in in_time if card.service_tier == STANDARD]
    fitting = [card for card in of_tier if card.holds_for(input_tokens)]
    card = max(fitting, key=lambda card: card.context_over, default=None)
    variant = model.variant(call)
    if card is None or not variant:
        return card
    of_variant = (
        other
        for other in model.cards(variant)
        if other.holds_at(call.start_time_ns)
        and other.service_tier == card.service_tier
        and other.context_over == card.context_over
    )
    return next(of_variant, card)


def amount(card: Card, usage: Usage, is_whole: bool = True) -> Decimal | None:
    """Return what a call costs by a card in USD, None where a rate or a count is unknown.

    Args:
        card: Its rates.
        usage: Tokens, and what is billed beside them.
        is_whole: Whether the output is known, or there is none.
    """
    units = units_of(usage)
    if units is None:
        return None
    has_token_rates = "input" in card.rates or "output" in card.rates
    if units and any(
        has_no_rate(unit, card.rates, has_token_rates) for unit, n in units.items() if n
    ):
        return None
    has_tokens = usage.input_tokens is not None or usage.output_tokens is not None
    quantities: dict[str, int] = {}
    if units or REQUEST_FEE in card.rates:  # else none of the card's meters counts anything
        quantities = {meter: n for meter, n in billed(units, card.rates, has_tokens) if n}
    is_measured = any(meter.partition(":")[0] not in FEES for meter in quantities)
    if not is_measured and (usage.input_tokens is None or not is_whole):
        return None
    # What is measured by a card without rates for tokens has its tokens with it.
    if has_token_rates or not is_measured:
        tokens = disjoint(usage)
        if tokens is None:
            return None
        quantities.update(tokens)
    total = Decimal(0)
    for meter, count in quantities.items():
        if count == 0:
            continue
        rate = card.rate(meter)
        if rate is None:
            return None
        total = EXACT.add(total, EXACT.multiply(Decimal(count), rate))
    return total


def disjoint(usage: Usage) -> Mapping[str, int] | None:
    """Return the tokens by class, each in exactly one; None where the numbers contradict."""
    written_1h = usage.cache_write_1h_tokens or 0
    written = max(usage.cache_write_tokens or 0, written_1h)
    read, audio_in = usage.cache_read_tokens or 0, usage.input_audio_tokens or 0
    image_in, image_out = usage.input_image_tokens or 0, usage.output_image_tokens or 0
    output, audio_out = usage.output_tokens or 0, usage.output_audio_tokens or 0
    reasoning = usage.reasoning_tokens or 0
    quantities = {
        "input": (usage.input_tokens or 0) - read - written - audio_in - image_in,
        "cache_read": read,
        "cache_write": written - written_1h,
        "cache_write_1h": written_1h,
        "input_audio": audio_in,
        "input_image": image_in,
        "output": output - reasoning - audio_out - image_out,
        "reasoning": reasoning,
        "output_audio": audio_out,
        "output_image": image_out,
    }
    return quantities if min(quantities.values()) >= 0 else None
