"""Why spend changed between two periods: volume, mix, length, cache and price, to the last digit.

Each segment (a model, a team, …) goes from what it cost to what it costs in five steps: the same
calls times more or fewer of all calls (volume); its own number of calls (mix); their number of
tokens, with the cache share as it was (length); the cache share as it is (cache); and what is left
is what a token costs (price: rates, tiers, context steps). The sum after each step is rounded once
and the steps are differences of these sums, so that they add up exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Final

from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.store import sql
from tollbook_collector.store.dimensions import Filter, identifiers, narrowed, values

EFFECTS: Final = ("volume", "mix", "length", "cache", "price")
SEGMENTS_MAX: Final = 10_000
UNITS: Final = 10**12
# An effect may be larger than any cost: ten million times the tokens, at a dear token's price.
EXACT: Final = Context(prec=80)
# Uncached input, cache reads, cache writes, output.
CLASSES: Final = 4


@dataclass(frozen=True)
class Use:
    """What a segment used in a period.

    Args:
        calls: Model calls, each response once.
        tokens: Of each of CLASSES.
        cost_usd: As recorded, of the priced ones.
        unpriced_calls: Those that used tokens at an unknown cost.
    """

    calls: int
    tokens: tuple[int, int, int, int]
    cost_usd: Decimal
    unpriced_calls: int = 0


NOTHING: Final = Use(0, (0, 0, 0, 0), Decimal(0))


@dataclass(frozen=True)
class SegmentChange:
    """Why the spend of a segment changed.

    Args:
        dimensions: Values of the dimensions that make the segment.
        before: What it used in the first period.
        after: What it used in the second.
        effects_usd: By EFFECTS; they add up to the difference of the costs.
    """

    dimensions: tuple[str, ...]
    before: Use
    after: Use
    effects_usd: Mapping[str, Decimal]

    @property
    def delta_usd(self) -> Decimal:
        """What the segment costs more."""
        return self.after.cost_usd - self.before.cost_usd


class TooManySegments(ValueError):
    """The dimensions have more combinations than can be told apart."""


def explain_change(
    store: LedgerStore,
    tenant: str,
    before: tuple[datetime, datetime],
    after: tuple[datetime, datetime],
    by: Sequence[str],
    filters: Sequence[Filter] = (),
) -> list[SegmentChange]:
    """Return the segments whose spend changed most, first; whole hours, UTC, ends excluded.

    Raises:
        TooManySegments: `by` has more than SEGMENTS_MAX combinations of values.
    """
    names = ("before_since", "before_until", "after_since", "after_until")
    instants = (*before, *after)
    parameters = {
        name: instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        for name, instant in zip(names, instants, strict=True)
    }
    asked = {"tenant": tenant, "limit": SEGMENTS_MAX + 1}
    asked |= {**identifiers(by), **narrowed(filters)}
    rows = store.rows(sql.read("queries/change_segments"), {**parameters, **asked})
    if len(rows) > SEGMENTS_MAX:
        raise TooManySegments(f"{', '.join(by)}: more than {SEGMENTS_MAX} combinations of values")
    changes = decompose([_segment(by, row) for row in rows])
    return sorted(changes, key=lambda change: (-abs(change.delta_usd), change.dimensions))


Segment = tuple[tuple[str, ...], Use, Use, Sequence[Decimal]]


def decompose(segments: Sequence[Segment]) -> list[SegmentChange]:
    """Return the effects of each segment: dimensions, before, after, and rates of CLASSES.

    The rates say how dear the classes are beside each other; all 0: they count the same.
    """
    calls_before = sum(before.calls for _, before, _, _ in segments)
    calls_after = sum(after.calls for _, _, after, _ in segments)
    growth = Fraction(calls_after, calls_before) if calls_before else Fraction(1)
    changes = []
    for dimensions, before, after, rates in segments:
        sums = [round(step * UNITS) for step in _steps(before, after, rates, growth)]
        effects = {
            effect: Decimal(end - start).scaleb(-12, EXACT)
            for effect, start, end in zip(EFFECTS, sums, sums[1:], strict=False)
        }
        changes.append(SegmentChange(dimensions, before, after, effects))
    return changes


def _steps(
    before: Use, after: Use, rates: Sequence[Decimal], growth: Fraction
) -> tuple[Fraction, ...]:
    """Return what the segment would cost after none, one, … and all of the steps."""
    start, end = Fraction(before.cost_usd), Fraction(after.cost_usd)
    if not before.calls:
        # A segment that is new: all of it is a change of the mix.
        return (start, start * growth, end, end, end, end)
    grown = start * growth
    mixed = start / before.calls * after.calls
    weights = [Fraction(rate) for rate in rates] if any(rates) else [Fraction(1)] * CLASSES
    weight = _dot(before.tokens, weights)
    if not weight or not after.calls:
        return (start, grown, mixed, mixed, mixed, end)
    scale = start / weight
    *inputs_before, _ = before.tokens
    *inputs_after, output = after.tokens
    inputs = sum(inputs_before)
    shares = [
        Fraction(part, inputs) if inputs else Fraction(not at)
        for at, part in enumerate(inputs_before)
    ]
    as_before = [*(share * sum(inputs_after) for share in shares), Fraction(output)]
    lengthened = scale * _dot(as_before, weights)
    cached = scale * _dot(after.tokens, weights)
    return (start, grown, mixed, lengthened, cached, end)


def _dot(tokens: Sequence[int | Fraction], weights: Sequence[Fraction]) -> Fraction:
    return sum((count * weight for count, weight in zip(tokens, weights, strict=True)), Fraction(0))


def _segment(by: Sequence[str], row: Sequence[Any]) -> Segment:
    *columns, before, after, rates = row
    told = tuple(values(by, columns).values())
    return told, _use(before), _use(after), tuple(map(Decimal, rates))


def _use(sums: Sequence[Any]) -> Use:
    calls, uncached, read, written, output, cost_usd, unpriced_calls = sums
    tokens = (int(uncached), int(read), int(written), int(output))
    return Use(int(calls), tokens, Decimal(cost_usd), int(unpriced_calls))
