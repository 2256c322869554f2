"""Allocation: shared charges are split so that everything adds up to the last digit."""

import io
from decimal import Decimal
from typing import Any

import pyarrow.parquet as parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tollbook_collector.commands.showback import as_csv, as_html, as_parquet, cost_centres
from tollbook_collector.money.allocation import Allocation, Line, apportion, split_shared

AMOUNTS = st.decimals(-(10**9), 10**9, places=12, allow_nan=False, allow_infinity=False)
WEIGHTS = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.decimals(0, 10**12, places=12, allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=20,
).filter(lambda weights: any(weights.values()))
NOWHERE = ("",) * 6


def line(centre: str, cost: str, calls: int = 1) -> Line:
    return Line(centre, "direct", NOWHERE, calls, Decimal(cost))


def shared(**pool: Any) -> Allocation:
    return Allocation.model_validate({"shared": [{"cost_centre": "platform", **pool}]})


def charges(lines: list[Line]) -> dict[tuple[str, str], Decimal]:
    return {(line.cost_centre, line.source): line.cost_usd for line in lines if line.cost_usd}


@given(AMOUNTS, WEIGHTS)
def test_the_parts_of_an_amount_add_up_to_it_and_are_a_unit_off_at_most(
    amount: Decimal, weights: dict[str, Decimal]
) -> None:
    parts = apportion(amount, weights)

    total = sum(weights.values())
    assert sum(parts.values()) == amount
    assert all(
        abs(part * total - amount * weights[name]) <= total * Decimal("1e-12")
        for name, part in parts.items()
    )


def test_a_cent_among_three_leaves_the_odd_units_to_the_first() -> None:
    assert apportion(Decimal("0.01"), dict.fromkeys("abc", Decimal(1))) == {
        "a": Decimal("0.003333333334"),
        "b": Decimal("0.003333333333"),
        "c": Decimal("0.003333333333"),
    }


def test_a_shared_charge_is_split_evenly_by_usage_or_by_fixed_shares() -> None:
    lines = [line("a", "3"), line("b", "1"), line("platform", "8"), line("unallocated", "5")]

    even = charges(split_shared(lines, shared(split="even")))
    usage = charges(split_shared(lines, shared(split="usage")))
    fixed = charges(split_shared(lines, shared(split="fixed", shares={"a": "10", "c": "90"})))

    kept = {("a", "direct"): 3, ("b", "direct"): 1, ("unallocated", "direct"): 5}
    assert even == {**kept, ("a", "platform"): 4, ("b", "platform"): 4}
    assert usage == {**kept, ("a", "platform"): 6, ("b", "platform"): 2}
    assert fixed == {**kept, ("a", "platform"): Decimal("0.8"), ("c", "platform"): Decimal("7.2")}


def test_a_shared_charge_that_nobody_is_there_to_bear_stays_where_it_is_seen() -> None:
    lines = [line("platform", "8"), line("unallocated", "5")]

    assert charges(split_shared(lines, shared(split="usage"))) == {
        ("platform", "direct"): 8,
        ("unallocated", "direct"): 5,
    }


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "platform", "unallocated"]), AMOUNTS)),
    st.sampled_from(["even", "usage"]),
)
def test_splitting_changes_neither_the_total_nor_the_calls(
    charged: list[tuple[str, Decimal]], split: str
) -> None:
    lines = [Line(centre, "direct", NOWHERE, 1, cost) for centre, cost in charged]

    result = split_shared(lines, shared(split=split))

    assert sum(line.cost_usd for line in result) == sum(cost for _, cost in charged)
    assert sum(line.calls for line in result) == len(charged)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"rules": [{"cost_centre": "a"}]}, "a rule needs one of"),
        ({"rules": [{"cost_centre": "a", "teams": ["x"]}]}, "teams"),
        ({"shared": [{"cost_centre": "p", "split": "fixed"}]}, "shares, in percent"),
        (
            {"shared": [{"cost_centre": "p", "split": "fixed", "shares": {"a": 60, "b": 30}}]},
            "add up to 90",
        ),
        ({"shared": [{"cost_centre": "p", "among": ["p"]}]}, "split among others"),
        (
            {"shared": [{"cost_centre": "p"}, {"cost_centre": "q", "among": ["p"]}]},
            "p is itself shared out",
        ),
        ({"shared": [{"cost_centre": "p"}, {"cost_centre": "p"}]}, "shared out once"),
    ],
)
def test_rules_that_cannot_be_obeyed_are_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Allocation.model_validate(section)


LINES: list[dict[str, Any]] = [
    {
        "cost_centre": "=1+1",
        "source": "direct",
        "provider": "openai",
        "model": "<b>m</b>",
        "service": "s",
        "team": "t",
        "feature": "",
        "customer": "",
        "calls": 2,
        "cost_usd": "0.000000000001",
    }
]


def test_a_report_is_no_formula_no_markup_and_no_float() -> None:
    answer = {"month": "2026-10", "closed_at": "", "calls": 2, "cost_usd": "0.000000000001"}

    text = as_csv(LINES)
    page = as_html({**answer, "allocation": LINES}, "Showback")
    table = parquet.read_table(io.BytesIO(as_parquet("2026-10", LINES)))

    assert text.splitlines()[1] == "'=1+1,direct,openai,<b>m</b>,s,t,,,2,0.000000000001"
    assert "&lt;b&gt;m&lt;/b&gt;" in page
    assert "<b>m" not in page
    assert table.column("cost_usd").to_pylist() == [Decimal("0.000000000001")]
    assert as_parquet("2026-10", LINES) == as_parquet("2026-10", LINES)


def test_the_charge_of_a_cost_centre_is_what_is_its_own_and_its_part_of_shared_ones() -> None:
    other = {**LINES[0], "source": "platform", "calls": 0, "cost_usd": "0.000000000002"}

    assert cost_centres([*LINES, other]) == [
        {
            "cost_centre": "=1+1",
            "calls": 2,
            "direct_usd": "0.000000000001",
            "shared_usd": "0.000000000002",
            "cost_usd": "0.000000000003",
        }
    ]
