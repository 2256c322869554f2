"""Splits a change of spend into its factors, exactly: their dollars sum to the change.

spend = requests x tokens per request x share of each model in the tokens x its price without a
cache x what the cache leaves of it. Each factor gets its part by the logarithmic mean (Divisia
index), which leaves no rest; what rounding leaves goes to the largest part.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# What a cached token costs of one that is not, where nothing better is known.
CACHED_COST: Final = Decimal("0.1")
FACTORS: Final = ("requests", "tokens_per_request", "mix", "unit_price", "cache")
QUANTUM: Final = Decimal("0.000000000001")


@dataclass(frozen=True)
class Use:
    """What was used of one model.

    Attributes:
        calls: Model calls, 0 or more; a part of one where weeks were averaged.
        input_tokens: Cached ones included.
        cached_tokens: Of the input.
        output_tokens: Reasoning included.
        cost_usd: Of the priced calls.
    """

    calls: Decimal
    input_tokens: Decimal
    cached_tokens: Decimal
    output_tokens: Decimal
    cost_usd: Decimal

    @property
    def tokens(self) -> Decimal:
        """All tokens; at least one, so that free calls have a price of 0 and not none."""
        return max(self.input_tokens + self.output_tokens, Decimal(1))

    @property
    def cache_factor(self) -> float:
        """What the cache leaves of the price of all tokens, by their number; 1: no cache."""
        saved = (1 - CACHED_COST) * self.cached_tokens
        return float((self.tokens - saved) / self.tokens)


def decompose(before: Mapping[str, Use], after: Mapping[str, Use]) -> dict[str, Decimal]:
    """Return the dollars of each of FACTORS; they sum to the change of cost, to the last digit.

    Args:
        before: Use by model.
        after: Use by model.

    >>> def use(calls, cost):
    ...     tokens = Decimal(100 * calls)
    ...     return Use(Decimal(calls), tokens, Decimal(0), Decimal(0), Decimal(cost))
    >>> parts = decompose({"m": use(10, "1")}, {"m": use(20, "2")})
    >>> str(parts["requests"]), str(sum(parts.values()))
    ('1.000000000000', '1.000000000000')
    """
    change = _cost(after) - _cost(before)
    parts = dict.fromkeys(FACTORS, 0.0)
    calls = [float(sum(use.calls for use in side.values())) for side in (before, after)]
    tokens = [float(sum(use.tokens for use in side.values())) for side in (before, after)]
    for model in sorted({*before, *after}):
        old, new = before.get(model), after.get(model)
        if old is None or new is None or not old.cost_usd or not new.cost_usd:
            # A model that came or went is a change of the mix as a whole.
            gone = old.cost_usd if old else Decimal(0)
            come = new.cost_usd if new else Decimal(0)
            parts["mix"] += float(come - gone)
            continue
        weight = _logarithmic_mean(float(new.cost_usd), float(old.cost_usd))
        prices = [float(use.cost_usd / use.tokens) / use.cache_factor for use in (old, new)]
        logs = {
            "requests": _log(calls[1], calls[0]),
            "tokens_per_request": _log(
                tokens[1] / max(calls[1], 1e-9), tokens[0] / max(calls[0], 1e-9)
            ),
            "mix": _log(float(new.tokens) / tokens[1], float(old.tokens) / tokens[0]),
            "unit_price": _log(prices[1], prices[0]),
            "cache": _log(new.cache_factor, old.cache_factor),
        }
        for factor, log in logs.items():
            parts[factor] += weight * log
    exact = {factor: Decimal(part).quantize(QUANTUM) for factor, part in parts.items()}
    largest = max(FACTORS, key=lambda factor: abs(exact[factor]))
    exact[largest] += change - sum(exact.values(), Decimal(0))
    return exact


def _cost(side: Mapping[str, Use]) -> Decimal:
    return sum((use.cost_usd for use in side.values()), Decimal(0))


def _log(now: float, then: float) -> float:
    return math.log(now / then) if now > 0 and then > 0 else 0.0


def _logarithmic_mean(one: float, other: float) -> float:
    return one if math.isclose(one, other, rel_tol=1e-12) else (one - other) / math.log(one / other)
