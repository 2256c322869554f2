"""Sums of money: equal to Python's decimals, whatever the order of arrival; nothing odd gets in."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import Span, cache_read, cache_write, call

from tollbook_collector.money.change import explain_change
from tollbook_collector.money.cost import Asked, cost
from tollbook_collector.money.seed import read_book
from tollbook_collector.store.client import ClickHouse

SEED = 20261121
CALLS = 400
SEGMENTS = 4
MODELS = [
    ("openai", "gpt-6.1-sol"),
    ("openai", "gpt-5.6-luna"),
    ("anthropic", "claude-opus-5-5"),
    ("gcp.gemini", "gemini-4-argon"),
    ("deepseek", "deepseek-v4-pro"),
    ("x_ai", "grok-4.7"),
]
# Those that bill a search by itself.
SEARCHES = ("openai", "anthropic", "gcp.gemini")
ODD: Sequence[Any] = (-1, 2**53, 2**63 - 1, float("nan"), float("inf"), -0.5, "1e30", "nan")


def sums(clickhouse: ClickHouse, tenant: str) -> set[tuple[Any, ...]]:
    """Return calls and cost, as each table of them has it."""
    found: set[tuple[Any, ...]] = set()
    for table, calls in (("calls", "count()"), ("spend", "sum(calls)"), ("charges", "sum(calls)")):
        statement = f"SELECT {calls}, sum(cost_usd) FROM {table} WHERE tenant = {{tenant:String}}"
        found |= {tuple(row) for row in clickhouse.rows(statement, {"tenant": tenant})}
    return found


def drawn(draw: random.Random) -> tuple[Asked, Span]:
    """Return a call as a question and as a span."""
    provider, model = draw.choice(MODELS)
    read, written = (draw.choice([0, draw.randrange(10**6)]) for _ in range(2))
    usage = {
        "input": read + written + draw.choice([0, draw.randrange(10**6), draw.randrange(2**39)]),
        "cache_read": read,
        "cache_write": written,
        "output": draw.choice([0, draw.randrange(10**6), draw.randrange(2**39)]),
    }
    searches = draw.choice([0, draw.randrange(100)]) if provider in SEARCHES else 0
    usage["web_search"] = searches
    at = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(50_000_000))
    tier = draw.choice(["standard", "flex", "priority", "batch"])
    span = call(
        provider,
        model,
        usage["input"],
        usage["output"],
        at=at,
        openai__response__service_tier=tier,
        **cache_read(read),
        **cache_write(written),
        tollbook__usage__web_search_requests=searches,
    )
    return Asked(provider, model, at, usage, tier), span


def test_sums_are_those_of_decimals_in_any_order_of_arrival(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    draw = random.Random(SEED)
    book = read_book()
    pairs = [drawn(draw) for _ in range(CALLS)]
    costs = [cost(book, asked).cost_usd for asked, _ in pairs]
    assert sum(amount is not None for amount in costs) > CALLS // 2
    expected = sum((amount for amount in costs if amount is not None), Decimal(0))
    spans = [span for _, span in pairs]
    draw.shuffle(spans)

    for first in range(SEGMENTS):
        insert(priced, spans[first::SEGMENTS])

    assert sums(priced, tenant) == {(CALLS, expected)}


def test_the_largest_counts_do_not_wrap_a_sum(priced: ClickHouse, insert: Any, tenant: str) -> None:
    # Above 272,000 tokens of input a token costs 4 micro-dollars, and one of output 15.
    span = call("openai", "gpt-6.1-sol", 2**40, 2**40)

    insert(priced, [replace(span, name=str(number)) for number in range(50)])

    assert sums(priced, tenant) == {(50, 50 * 2**40 * Decimal("0.000019"))}


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_count_that_cannot_be_is_in_no_sum(
    priced: ClickHouse, insert: Any, tenant: str, odd: Any
) -> None:
    insert(priced, [call("openai", "gpt-4o", 100, 10, gen_ai__usage__input_tokens=odd)])

    (row,) = priced.rows(
        "SELECT cost_usd, price_status, ifNull(input_tokens, 0) FROM calls"
        " WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert tuple(row) == (None, "unpriced", 0)
    assert sums(priced, tenant) <= {(1, Decimal(0)), (1, None)}


def test_a_change_between_two_months_is_explained_from_what_was_recorded(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    september, october = (datetime(2026, month, 10, tzinfo=UTC) for month in (9, 10))
    common: dict[str, Any] = {"tollbook.tags.team": "search"}
    insert(priced, [call("openai", "gpt-4o", 1_000, 100, at=september, **common)] * 2)
    insert(priced, [call("openai", "gpt-4o", 2_000, 200, at=october, **common)] * 3)

    first, middle, end = (datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11))
    (found,) = explain_change(priced, tenant, (first, middle), (middle, end), ["team", "model"])

    # A call of 1,000 and 100 tokens costs 0.0035; one more of them, then each twice as long.
    assert found.dimensions == ("search", "gpt-4o")
    assert {name: amount for name, amount in found.effects_usd.items() if amount} == {
        "volume": Decimal("0.0035"),
        "length": 3 * Decimal("0.0035"),
    }
