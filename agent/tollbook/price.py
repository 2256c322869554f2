"""The cost of a call at the time of the call, from the price file that comes with the package.

The file is read a provider at a time, and kept as lines: as objects it is 2.5 MB of small ones
that stay for good, in between those that the program's calls make and free. With them a stream of
OpenAI's touched 1,455 pages of memory, in place of 1,355.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from tollbook.model_call import TOKEN_CLASSES, Call, Usage
from tollbook.tally import RATES_UNREADABLE, Losses
from tollbook.units import FEES, REQUEST_FEE, billed, has_no_rate, units_of

RATES_PATH: Final = Path(__file__).with_name("rates.jsonl")
STANDARD: Final = "standard"
PROVIDER: Final = "provider"  # the source of a cost that the answer said
# Names under which providers report the tier that everybody gets.
STANDARD_TIERS: Final = frozenset({"", "default", "auto", "standard"})
# Capacity that was bought ahead: a call adds nothing to what the commitment costs.
COMMITTED_TIERS: Final = frozenset({"provisioned_throughput", "reserved"})
REMEMBERED_MODELS_MAX: Final = 4096  # pairs of provider and model name
REMEMBERED_PROVIDERS_MAX: Final = 256  # most of them are hosts that have no prices
MODEL_START: Final = b'{"provider": '  # of each line of the price file that is a model
MODEL_CHARS_MAX: Final = 256  # longer names are not looked up: they are no model's
WITHOUT_OUTPUT: Final = frozenset({"embeddings"})  # their providers report no output at all
# Exact for sums of products of 64-bit counts and rates of up to 30 digits.
EXACT: Final = Context(prec=80)
NOTHING: Final = Decimal(0)
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


ALWAYS: Final = (-(2**63), 2**64)  # Unix time in nanoseconds


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
        token_rates: Those of the `TOKEN_CLASSES`: their own, or that of the class they are part of.
    """

    price_id: str
    service_tier: str
    context_over: int
    valid_from_ns: int
    valid_to_ns: int | None
    rates: Mapping[str, Decimal]
    token_rates: tuple[Decimal | None, ...]

    def holds_at(self, time_ns: int) -> bool:
        """Return whether the card holds for a call that starts then."""
        return self.valid_from_ns <= time_ns and (
            self.valid_to_ns is None or time_ns < self.valid_to_ns
        )

    def holds_for(self, input_tokens: int) -> bool:
        """Return whether the card holds for a call with that much input, cached or not."""
        return self.context_over == 0 or input_tokens > self.context_over

    @property
    def has_token_rates(self) -> bool:
        """Whether tokens are billed by it."""
        return "input" in self.rates or "output" in self.rates


@dataclass(slots=True)
class Model:
    """The cards of a model and the pattern that its names match.

    A variant is `region:us` or `window:peak`: cards that hold there, or at those hours.

    Args:
        pattern: What its names match.
        line: Of the price file, which says all else.
    """

    pattern: str
    line: bytes
    _compiled: re.Pattern[str] | None = None
    _said: Mapping[str, Any] | None = None
    _cards: dict[str, list[Card]] = field(default_factory=dict)
    # By tier: from when, until when, and the cards that hold then. Of the tiers that it has.
    _of_tier: dict[str, tuple[int, int, Sequence[Card]]] = field(default_factory=dict)

    def matches(self, name: str) -> bool:
        """Return whether a lower-case model name is one of this model's."""
        if self._compiled is None:
            self._compiled = re.compile(self.pattern)
        return self._compiled.search(name) is not None

    def said(self) -> Mapping[str, Any]:
        """Return what its line says."""
        if self._said is None:
            self._said = json.loads(self.line)
        return self._said

    def cards(self, variant: str = "") -> list[Card]:
        """Return the cards of a variant, read when they are first asked for."""
        if variant not in self._cards:
            said = self.said()
            raw = said.get("variants", {}).get(variant, []) if variant else said["cards"]
            self._cards[variant] = [read_card(card) for card in raw]
        return self._cards[variant]

    def of_tier(self, tier: str, time_ns: int) -> Sequence[Card]:
        """Return the cards that hold for a call that starts then: of its tier, else the standard.

        They are found once for all the time between two changes of the model's prices.
        """
        known = self._of_tier.get(tier)
        if known is None or not known[0] <= time_ns < known[1]:
            cards = self.cards()
            in_time = [card for card in cards if card.holds_at(time_ns)]
            found = [card for card in in_time if card.service_tier == tier]
            if not found:
                found = [card for card in in_time if card.service_tier == STANDARD]
            ends = [card.valid_to_ns for card in cards if card.valid_to_ns is not None]
            changes = (*ALWAYS, *(card.valid_from_ns for card in cards), *ends)
            since = max(change for change in changes if change <= time_ns)
            known = (since, min(change for change in changes if change > time_ns), found)
            if tier == STANDARD or any(card.service_tier == tier for card in cards):
                self._of_tier[tier] = known
        return known[2]

    def variant(self, call: Call) -> str:
        """Return the variant that a call is of: its window, else its region, else none."""
        # Variant, weekdays from 1 for Monday, first and end minute of the day; all UTC.
        windows: Sequence[tuple[str, Sequence[int], int, int]] = self.said().get("windows", ())
        if windows:
            at = datetime.fromtimestamp(call.start_time_ns // 1_000_000_000, UTC)
            minute = at.hour * 60 + at.minute
            for variant, weekdays, start, end in windows:
                if at.isoweekday() in weekdays and start <= minute < end:
                    return variant
            return ""
        return f"region:{call.response.region}" if call.response.region else ""


class Cost(NamedTuple):
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
    """The price file, of which a provider's lines are read at the first question about it.

    Used by one thread.

    Args:
        path: Lines of JSON; those of models are `{"provider", "model", "match", "cards"}` and begin
            with their provider.
        losses: Where a file that cannot be read is counted.
    """

    path: Path
    losses: Losses
    _remembered: dict[tuple[str, str], Model | None] = field(default_factory=dict)
    _models: dict[str, Sequence[Model]] = field(default_factory=dict)

    def models(self, provider: str) -> Sequence[Model]:
        """Return the models of a provider, in the order of the file."""
        known = self._models.get(provider)
        if known is None:
            if len(self._models) >= REMEMBERED_PROVIDERS_MAX:
                self._models.clear()
            known = self._models[provider] = self._read(provider)
        return known

    def _read(self, provider: str) -> Sequence[Model]:
        start = MODEL_START + json.dumps(provider).encode() + b","
        models: list[Model] = []
        is_book = False
        try:
            with self.path.open("rb") as lines:
                for line in lines:
                    is_book = is_book or line.startswith(MODEL_START)
                    if line.startswith(start):
                        models.append(Model(json.loads(line)["match"], line))
        except (OSError, ValueError, KeyError, TypeError):
            is_book, models = False, []
        if not is_book:
            self.losses.count(RATES_UNREADABLE)
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
                served = (call.response.service_tier or "").lower()
                card = choose(model, call, served, usage.input_tokens or 0)
                if card is None:
                    return None
                is_whole = usage.output_tokens is not None or call.operation in WITHOUT_OUTPUT
                usd = amount(card, usage, is_whole)
                if usd is None:
                    return None
                is_paid = served in COMMITTED_TIERS and served != card.service_tier
                return Cost(NOTHING if is_paid else usd, card.price_id)
        return None

    def find(self, provider: str, name: str) -> Model | None:
        """Return the first model of a provider whose pattern a name matches."""
        if len(name) > MODEL_CHARS_MAX:
            return None
        key = (provider, name.lower())
        known = self._remembered.get(key)
        if known is None and key not in self._remembered:
            if len(self._remembered) >= REMEMBERED_MODELS_MAX:
                self._remembered.clear()
            candidates = self.models(provider)
            known = next((model for model in candidates if model.matches(key[1])), None)
            self._remembered[key] = known
        return known


def read_card(card: Mapping[str, Any]) -> Card:
    """Return one card of the price file."""
    rates = {name: Decimal(rate) for name, rate in card["rates"].items() if rate is not None}
    return Card(
        price_id=card["price_id"],
        service_tier=card["service_tier"],
        context_over=int(card["context_over"]),
        valid_from_ns=unix_time_ns(card["valid_from"]),
        valid_to_ns=unix_time_ns(card["valid_to"]) if card["valid_to"] is not None else None,
        rates=rates,
        token_rates=tuple(rate_of(name, rates) for name in TOKEN_CLASSES),
    )


def rate_of(token_class: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """Return the rate of a class of tokens: its own or that of the class it is part of."""
    rate = rates.get(token_class)
    if rate is None and token_class in PARENTS:
        return rate_of(PARENTS[token_class], rates)
    return rate


def unix_time_ns(text: str) -> int:
    """Return an ISO 8601 time as Unix time in nanoseconds."""
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def choose(model: Model, call: Call, served: str, input_tokens: int) -> Card | None:
    """Return the card for a call: that of the tier served (lower case), else the standard one.

    Tier and context step are those of the cards for anywhere and any time; the card of the call's
    variant takes their place where there is one.
    """
    tier = STANDARD if served in STANDARD_TIERS else served
    card: Card | None = None
    for other in model.of_tier(tier, call.start_time_ns):
        is_nearer = card is None or other.context_over > card.context_over
        if is_nearer and other.holds_for(input_tokens):
            card = other
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
    total, is_measured = NOTHING, False
    if units or REQUEST_FEE in card.rates:  # else none of the card's meters counts anything
        beside = amount_beside(card, usage, units)
        if beside is None:
            return None
        total, is_measured = beside
    if not is_measured and (usage.input_tokens is None or not is_whole):
        return None
    # What is measured by a card without rates for tokens has its tokens with it.
    if is_measured and not card.has_token_rates:
        return total
    tokens = disjoint(usage)
    if tokens is None:
        return None
    for count, rate in zip(tokens, card.token_rates, strict=True):
        if count:
            if rate is None:
                return None
            total = EXACT.add(total, EXACT.multiply(Decimal(count), rate))
    return total


def amount_beside(
    card: Card, usage: Usage, units: Mapping[str, int]
) -> tuple[Decimal, bool] | None:
    """Return what a call costs beside its tokens, None where a rate is unknown.

    With it comes whether something was measured that has a cost without tokens.
    """
    for unit, n in units.items():
        if n and has_no_rate(unit, card.rates, card.has_token_rates):
            return None
    has_tokens = usage.input_tokens is not None or usage.output_tokens is not None
    total, is_measured = NOTHING, False
    for meter, n in billed(units, card.rates, has_tokens):
        if n:
            total = EXACT.add(total, EXACT.multiply(Decimal(n), card.rates[meter]))
            is_measured = is_measured or meter.partition(":")[0] not in FEES
    return total, is_measured


def disjoint(usage: Usage) -> tuple[int, ...] | None:
    """Return the tokens of the `TOKEN_CLASSES`, each in exactly one; None where they contradict."""
    written_1h = usage.cache_write_1h_tokens or 0
    written = max(usage.cache_write_tokens or 0, written_1h)
    read, audio_in = usage.cache_read_tokens or 0, usage.input_audio_tokens or 0
    image_in, image_out = usage.input_image_tokens or 0, usage.output_image_tokens or 0
    output, audio_out = usage.output_tokens or 0, usage.output_audio_tokens or 0
    reasoning = usage.reasoning_tokens or 0
    quantities = (
        (usage.input_tokens or 0) - read - written - audio_in - image_in,
        read,
        written - written_1h,
        written_1h,
        audio_in,
        image_in,
        output - reasoning - audio_out - image_out,
        reasoning,
        audio_out,
        image_out,
    )
    return quantities if min(quantities) >= 0 else None
