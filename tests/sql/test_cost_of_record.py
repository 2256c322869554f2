"""Cost of record: what it is based on, which book priced it, and what others say it was."""

from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import Span, call

from tollbook_collector.store.client import ClickHouse


def one(clickhouse: ClickHouse, tenant: str, columns: str) -> tuple[Any, ...]:
    """Return columns of the tenant's one call."""
    statement = f"SELECT {columns} FROM calls WHERE tenant = {{tenant:String}}"
    (row,) = clickhouse.rows(statement, {"tenant": tenant})
    return tuple(row)


def said(amount: str, source: str) -> dict[str, str]:
    return {"tollbook.cost_usd": amount, "gen_ai.usage.cost.source": source}


def test_a_priced_call_names_the_book_and_that_it_was_computed(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("openai", "gpt-4o", 1_000, 100)])

    basis, book_at = one(priced, tenant, "cost_basis, book_at")
    assert basis == "computed"
    assert [(book_at,)] == [
        tuple(row) for row in priced.rows("SELECT max(book_at) FROM price_books")
    ]


def test_a_provider_s_own_word_is_the_cost_where_no_rate_is_known(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("openrouter", "mystery", 10, 10, **said("0.0123", "provider"))])

    columns = "cost_usd, cost_basis, price_status, unpriced_reason, book_at"
    assert one(priced, tenant, columns) == (Decimal("0.0123"), "reported", "priced", "", None)


@pytest.mark.parametrize(
    "span",
    [
        call("openai", "mystery", 10, 10, **said("0.5", "local")),
        call("openai", "mystery", 10, 10, **said("-0.5", "provider")),
        call("openai", "gpt-4o", status_code=2, **said("0.5", "provider")),
    ],
    ids=["a client's word", "a negative amount", "a call that failed"],
)
def test_nothing_else_that_is_said_becomes_the_cost(
    priced: ClickHouse, insert: Any, tenant: str, span: Span
) -> None:
    insert(priced, [span])

    assert one(priced, tenant, "cost_usd, cost_basis, price_status") == (None, "", "unpriced")


def test_a_reported_cost_never_takes_the_place_of_a_computed_one_and_is_compared(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(
        priced,
        [
            call("openai", "gpt-4o", 1_000, 100, **said("0.0036", "provider")),
            call("openai", "gpt-4o", 1_000, 100, **said("0.0035", "provider")),
        ],
    )

    (row,) = priced.rows(
        "SELECT calls, differing_calls, cost_usd, reported_cost_usd, difference_usd"
        " FROM cost_differences WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    # 1,000 tokens at 2.5 and 100 at 10 USD per million cost 0.0035.
    assert tuple(row) == (2, 1, Decimal("0.007"), Decimal("0.0071"), Decimal("-0.0001"))
