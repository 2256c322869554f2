"""Why spend changed: the effects add up exactly, and each stands for what it is called."""

from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tollbook_collector.answer.change import period
from tollbook_collector.answer.questions import WrongQuestion
from tollbook_collector.money.change import EFFECTS, EXACT, NOTHING, SegmentChange, Use, decompose

COUNTS = st.integers(0, 2**40)
COSTS = st.decimals(0, 10**9, places=12, allow_nan=False, allow_infinity=False)
USES = st.builds(Use, st.integers(0, 10**9), st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), COSTS)
RATES = st.lists(
    st.decimals(0, 1, places=12, allow_nan=False, allow_infinity=False), min_size=4, max_size=4
)
# USD per token: input, cache read, cache write, output.
CARD = tuple(Decimal(rate) for rate in ("0.000002", "0.0000002", "0.0000025", "0.00001"))


def use(calls: int, *tokens: int, factor: int = 1) -> Use:
    uncached, read, written, output = tokens
    cost = sum((count * rate for count, rate in zip(tokens, CARD, strict=True)), Decimal(0))
    return Use(calls, (uncached, read, written, output), cost * factor)


def effects(*changes: SegmentChange) -> dict[str, Decimal]:
    """Return the effects that are there, of all segments together."""
    sums = {name: sum((c.effects_usd[name] for c in changes), Decimal(0)) for name in EFFECTS}
    return {name: amount for name, amount in sums.items() if amount}


# Of dear tokens ten million times as many: the effects have more digits than decimals by default.
@example(
    [
        (
            Use(1, (0, 0, 0, 1), Decimal("999999900.000010000001")),
            Use(1, (0, 0, 0, 10_000_001), Decimal(0)),
            [Decimal(0)] * 4,
        )
    ]
)
@settings(deadline=None)
@given(st.lists(st.tuples(USES, USES, RATES), max_size=8))
def test_the_effects_of_each_segment_add_up_to_what_it_costs_more(
    uses: list[tuple[Use, Use, list[Decimal]]],
) -> None:
    changes = decompose([((), before, after, rates) for before, after, rates in uses])

    for change in changes:
        assert reduce(EXACT.add, change.effects_usd.values()) == change.delta_usd


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (use(20, 2_000, 0, 0, 200), {"volume": Decimal("0.003")}),
        (use(10, 1_500, 0, 0, 150), {"length": Decimal("0.0015")}),
        (use(10, 500, 500, 0, 100), {"cache": Decimal("-0.0009")}),
        (use(10, 1_000, 0, 0, 100, factor=3), {"price": Decimal("0.006")}),
    ],
    ids=["volume", "length", "cache", "price"],
)
def test_what_alone_changed_is_the_only_effect(after: Use, expected: dict[str, Decimal]) -> None:
    before = use(10, 1_000, 0, 0, 100)

    assert effects(*decompose([(("m",), before, after, CARD)])) == expected


def test_calls_that_go_to_a_dearer_model_are_a_change_of_the_mix() -> None:
    cheap = (("cheap",), use(10, 1_000, 0, 0, 0), use(5, 500, 0, 0, 0), CARD)
    dear = (("dear",), use(10, 9_000, 0, 0, 0), use(15, 13_500, 0, 0, 0), CARD)

    assert effects(*decompose([cheap, dear])) == {"mix": Decimal("0.008")}


def test_a_segment_that_is_new_or_gone_is_a_change_of_the_mix() -> None:
    gone = (("gone",), use(10, 1_000, 0, 0, 0), NOTHING, CARD)
    new = (("new",), NOTHING, use(10, 3_000, 0, 0, 0), CARD)

    assert effects(*decompose([gone, new])) == {"mix": Decimal("0.004")}


@pytest.mark.parametrize("text", ["october", "2026-13", "2026-10-05..2026-10-01", "2026-10-01..x"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongQuestion):
        period(text)


def test_the_last_day_of_a_period_counts() -> None:
    assert period("2026-10") == period("2026-10-01..2026-10-31")
