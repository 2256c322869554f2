"""Pricing in SQL: the cost of a call, with the expected money written out as arithmetic.

Amounts are in USD per million tokens on the left of a multiplication by `PER_MILLION`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import Span, cache_read, cache_write, call

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import BEGINNING, END, Book, ModelPattern, Rate
from tollbook_collector.store.client import ClickHouse

PER_MILLION = Decimal("0.000001")


def usd(*parts: tuple[int, str]) -> Decimal:
    """Return tokens times USD per million tokens, summed."""
    return sum((tokens * Decimal(rate) * PER_MILLION for tokens, rate in parts), Decimal(0))


def costs(clickhouse: ClickHouse, tenant: str) -> list[tuple[Decimal | None, str, str]]:
    """Return cost, status and reason of the tenant's calls in the order of their names."""
    statement = """
        SELECT cost_usd, price_status, unpriced_reason FROM spans
        WHERE tenant = {tenant:String} AND is_call ORDER BY name
    """
    return [tuple(row) for row in clickhouse.rows(statement, {"tenant": tenant})]


def numbered(spans: Sequence[Span]) -> list[Span]:
    return [replace(span, name=f"{number:03d}") for number, span in enumerate(spans)]


GOLDEN = [
    # OpenAI: the input includes what was cached.
    (call("openai", "gpt-6.1-sol", 10_000, 2_000), usd((10_000, "2"), (2_000, "10"))),
    (
        call("openai", "gpt-6.1-sol", 10_000, 2_000, **cache_read(6_000), **cache_write(1_000)),
        usd((3_000, "2"), (6_000, "0.1"), (1_000, "2.5"), (2_000, "10")),
    ),
    (
        call(
            "openai",
            "gpt-6.1-sol",
            10_000,
            2_000,
            **cache_read(6_000),
            openai__response__service_tier="flex",
        ),
        usd((4_000, "1"), (6_000, "0.05"), (2_000, "5")),
    ),
    (
        call(
            "openai",
            "gpt-6.1-sol",
            10_000,
            2_000,
            **cache_read(6_000),
            openai__response__service_tier="priority",
        ),
        usd((4_000, "4"), (6_000, "0.2"), (2_000, "20")),
    ),
    # Above 272,000 tokens of input the whole call has the higher rates; at 272,000 it has not.
    (call("openai", "gpt-6.1-sol", 300_000, 1_000), usd((300_000, "4"), (1_000, "15"))),
    (call("openai", "gpt-6.1-sol", 272_000, 0), usd((272_000, "2"))),
    (call("openai", "gpt-6.1-sol", 272_001, 0), usd((272_001, "4"))),
    # A price cut, 1 and 6 to 0.2 and 1.2: the rate is that of the day of the call. A million tokens
    # is above the context step, where input costs twice and output one and a half times as much.
    (
        call("openai", "gpt-5.6-luna", 10**6, 10**6, at=datetime(2026, 7, 10, tzinfo=UTC)),
        usd((10**6, "2"), (10**6, "9")),
    ),
    (call("openai", "gpt-5.6-luna", 10**6, 10**6), usd((10**6, "0.4"), (10**6, "1.8"))),
    # Anthropic: writes of five minutes and of an hour.
    (
        call(
            "anthropic",
            "claude-opus-5-5",
            20_000,
            1_000,
            **cache_read(10_000),
            **cache_write(8_000),
        ),
        usd((2_000, "4"), (10_000, "0.2"), (8_000, "5"), (1_000, "20")),
    ),
    (
        call(
            "anthropic",
            "claude-opus-5-5",
            20_000,
            1_000,
            **cache_read(10_000),
            **cache_write(8_000),
            **{"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 3_000},
        ),
        usd((2_000, "4"), (10_000, "0.2"), (5_000, "5"), (3_000, "8"), (1_000, "20")),
    ),
    (
        call("anthropic", "claude-opus-5-5", 100, 10, anthropic__response__service_tier="batch"),
        usd((100, "2"), (10, "10")),
    ),
    # Google: an introductory price that ends.
    (
        call("gcp.gemini", "gemini-4-argon", 5_000, 900, **cache_read(2_000)),
        usd((3_000, "2"), (2_000, "0.1"), (900, "10")),
    ),
    (
        call(
            "gcp.vertex_ai",
            "gemini-4-argon",
            5_000,
            900,
            at=datetime(2026, 12, 2, tzinfo=UTC),
            **cache_read(2_000),
        ),
        usd((3_000, "4"), (2_000, "0.2"), (900, "20")),
    ),
    # Audio is a class of its own where it has a rate.
    (
        call(
            "gcp.gemini", "gemini-2.5-flash", 5_000, 900, gen_ai__usage__audio__input_tokens=3_000
        ),
        usd((2_000, "0.3"), (3_000, "1"), (900, "2.5")),
    ),
    (
        call("x_ai", "grok-4.7", 10_000, 1_000, **cache_read(4_000)),
        usd((6_000, "2"), (4_000, "0.5"), (1_000, "6")),
    ),
    # A class without a rate of its own is billed as what it is part of.
    (
        call("openai", "gpt-5.5", 1_000, 0, **cache_write(400)),
        usd((600, "5"), (400, "5")),
    ),
]


@pytest.mark.parametrize(("span", "expected"), GOLDEN, ids=lambda value: getattr(value, "at", ""))
def test_a_call_costs_what_its_providers_price_list_says(
    priced: ClickHouse, insert: Any, tenant: str, span: Span, expected: Decimal
) -> None:
    insert(priced, [span])

    ((cost, status, reason),) = costs(priced, tenant)
    assert (cost, status, reason) == (expected, "priced", "")


def test_a_model_that_the_book_does_not_know_costs_null_and_not_zero(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(
        priced,
        numbered(
            [
                call("openai", "mystery-1", 1_000, 100),
                call("nobody", "gpt-4o", 1_000, 100),
                call("openai", "", 1_000, 100),
                call("openai", "gpt-4o"),
                call("openai", "gpt-4o", 1_000),
                call("openai", "gpt-4o", 1_000, 1, tollbook__usage__complete=False),
                call("openai", "gpt-4o", status_code=2),
            ]
        ),
    )

    assert costs(priced, tenant) == [
        (None, "unpriced", "unknown_model"),
        (None, "unpriced", "unknown_model"),
        (None, "unpriced", "no_model"),
        (None, "unpriced", "no_usage"),
        (None, "unpriced", "no_usage"),
        (None, "unpriced", "usage_incomplete"),
        (None, "unpriced", "failed"),
    ]


def test_a_tier_without_rates_is_priced_as_standard_and_says_so(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("openai", "gpt-4o", 1_000, 100, openai__response__service_tier="scale")])

    expected = usd((1_000, "2.5"), (100, "10"))
    assert costs(priced, tenant) == [(expected, "tier_fallback", "")]


def test_embeddings_have_no_output_and_are_priced_by_their_input(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    attributes = {
        **call("openai", "text-embedding-3-small", 1_234).attributes,
        "gen_ai.operation.name": "embeddings",
    }

    insert(priced, [Span(attributes)])

    assert costs(priced, tenant) == [(usd((1_234, "0.02")), "priced", "")]


def test_the_model_that_answered_is_priced_before_the_one_asked_for(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    answered = {"gen_ai.response.model": "gpt-4o-mini-2024-07-18"}
    unknown = {"gen_ai.response.model": "some-finetune"}

    insert(
        priced,
        numbered(
            [
                call("openai", "gpt-4o", 1_000, 0, **answered),
                call("openai", "gpt-4o", 1_000, 0, **unknown),
            ]
        ),
    )

    assert [cost for cost, _, _ in costs(priced, tenant)] == [
        usd((1_000, "0.15")),
        usd((1_000, "2.5")),
    ]


def test_spans_that_repeat_the_usage_of_their_calls_cost_nothing(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    inner = call("openai", "gpt-4o", 1_000, 100)
    outer = replace(inner, attributes={**inner.attributes, "gen_ai.operation.name": "invoke_agent"})

    insert(priced, [inner, outer])

    rows = priced.rows(
        "SELECT count(), sum(cost_usd) FROM spans WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in rows] == [(2, usd((1_000, "2.5"), (100, "10")))]


def test_usage_that_contradicts_itself_is_not_priced(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(
        priced,
        numbered(
            [
                call("openai", "gpt-4o", 100, 10, **cache_read(400)),
                call("openai", "gpt-4o", -1, 10),
                call("openai", "gpt-4o", 2**53, 10),
                call("openai", "gpt-4o", 100, 10, gen_ai__usage__reasoning__output_tokens=11),
            ]
        ),
    )

    reasons = [reason for _, _, reason in costs(priced, tenant)]
    assert reasons == ["usage_inconsistent", "no_usage", "no_usage", "usage_inconsistent"]


def book(*rates: tuple[str, str, str, datetime, datetime]) -> Book:
    """Return a book of one model `house/m` from (tier, meter, USD per token, from, to)."""
    return Book(
        "test",
        (ModelPattern("house", "^m.*$", "m"),),
        tuple(
            Rate(
                f"house/m/{tier}/{start:%Y-%m-%d}",
                "house",
                "m",
                tier,
                0,
                meter,
                Decimal(rate),
                start,
                end,
                "test",
            )
            for tier, meter, rate, start, end in rates
        ),
    )


CUT = datetime(2026, 1, 15, tzinfo=UTC)


def test_spend_uses_the_rate_of_the_second_and_keeps_unknown_apart_from_free(
    schema: ClickHouse, insert: Any, tenant: str
) -> None:
    """Two calls straddle a price cut, the third is free, the fourth of an unknown model."""
    put_in_force(
        schema,
        Book(
            "test",
            (ModelPattern("house", "^m$", "m"), ModelPattern("house", "^free$", "free")),
            (
                *book(
                    ("standard", "input", "0.000002", BEGINNING, CUT),
                    ("standard", "output", "0.000010", BEGINNING, CUT),
                    ("standard", "input", "0.000001", CUT, END),
                    ("standard", "output", "0.000005", CUT, END),
                ).rates,
                Rate(
                    "house/free",
                    "house",
                    "free",
                    "standard",
                    0,
                    "input",
                    Decimal(0),
                    BEGINNING,
                    END,
                    "test",
                ),
                Rate(
                    "house/free",
                    "house",
                    "free",
                    "standard",
                    0,
                    "output",
                    Decimal(0),
                    BEGINNING,
                    END,
                    "test",
                ),
            ),
        ),
    )
    last_moment = datetime(2026, 1, 14, 23, 59, 59, 999_999, tzinfo=UTC)

    insert(
        schema,
        numbered(
            [
                call("house", "m", 1_000, 100, at=last_moment),
                call("house", "m", 1_000, 100, at=CUT),
                call("house", "free", 1_000, 100),
                call("house", "mystery", 1_000, 100),
            ]
        ),
    )

    assert costs(schema, tenant) == [
        (usd((1_000, "2"), (100, "10")), "priced", ""),
        (usd((1_000, "1"), (100, "5")), "priced", ""),
        (Decimal(0), "priced", ""),
        (None, "unpriced", "unknown_model"),
    ]


def test_a_new_book_prices_from_then_on_and_leaves_what_was_priced_alone(
    schema: ClickHouse, insert: Any, tenant: str
) -> None:
    first = book(
        ("standard", "input", "0.000002", BEGINNING, END),
        ("standard", "output", "0", BEGINNING, END),
    )
    second = book(
        ("standard", "input", "0.000003", BEGINNING, END),
        ("standard", "output", "0", BEGINNING, END),
    )
    assert put_in_force(schema, first, at=datetime(2026, 11, 1, tzinfo=UTC))
    insert(schema, numbered([call("house", "m", 1_000_000, 0)]))

    assert put_in_force(schema, second, at=datetime(2026, 11, 2, tzinfo=UTC))
    assert not put_in_force(schema, second)
    insert(schema, [replace(call("house", "m", 1_000_000, 0), name="later")])

    assert [cost for cost, _, _ in costs(schema, tenant)] == [Decimal(2), Decimal(3)]


def test_a_rate_at_the_last_digit_of_the_money_is_exact(
    schema: ClickHouse, insert: Any, tenant: str
) -> None:
    put_in_force(
        schema,
        book(
            ("standard", "input", "0.000000000001", BEGINNING, END),
            ("standard", "output", "0.000000000003", BEGINNING, END),
        ),
    )

    insert(schema, [call("house", "m", 7, 3)])

    ((cost, _, _),) = costs(schema, tenant)
    assert cost == 7 * Decimal("0.000000000001") + 3 * Decimal("0.000000000003")
