"""Caps on the values of a dimension: what comes beyond them is (other), and no sum changes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from otlp_requests import Span, call

from tollbook_collector.store.cardinality import Caps, Cardinality
from tollbook_collector.store.client import ClickHouse

USD = 1_000 * Decimal("2.5") / 10**6


def calls_of(*customers: str) -> list[Span]:
    now = datetime.now(UTC)
    return [
        call("openai", "gpt-4o", 1_000, 0, at=now, **{"tollbook.tags.customer": customer})
        for customer in customers
    ]


def customers(clickhouse: ClickHouse, tenant: str) -> dict[str, tuple[int, Decimal]]:
    statement = (
        "SELECT customer, sum(calls) AS n, sum(cost_usd) AS usd FROM spend_hourly"
        " WHERE tenant = {tenant:String} GROUP BY customer"
    )
    rows = clickhouse.rows(statement, {"tenant": tenant})
    return {str(name): (int(number), usd) for name, number, usd in rows}


def test_beyond_its_cap_a_tenant_keeps_what_it_used_first_and_the_rest_is_other(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    caps = Cardinality(lambda: priced, lambda: Caps(customer=3))
    insert(priced, calls_of("a", "b", "c"))
    caps.look()
    insert(priced, calls_of("d", "a"))
    caps.look()

    insert(priced, calls_of("a", "e", "f", ""))
    caps.look()

    found = customers(priced, tenant)
    # d came before it was looked, when the cap was not known to be passed, and is over it now.
    assert found == {
        "a": (3, 3 * USD),
        "b": (1, USD),
        "c": (1, USD),
        "d": (1, USD),
        "(other)": (2, 2 * USD),
        "": (1, USD),
    }
    where = "tenant = {tenant:String} AND customer = '(other)'"
    statement = f"SELECT tags['customer'] FROM calls WHERE {where}"
    rows = priced.rows(statement, {"tenant": tenant})
    assert sorted(row[0] for row in rows) == ["e", "f"]
    assert caps.counts()["other_calls"] >= 2


def test_one_tenants_flood_caps_no_other_tenant(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    today = datetime.now(UTC).date()
    columns = ("day", "tenant", "dimension", "value")
    over = [(today, f"rival-of-{tenant}", "customer", ""), (today, tenant, "team", "")]
    priced.insert("kept_values", columns, over)
    Cardinality(lambda: priced).look()
    tags = {"tollbook.tags.customer": "new", "tollbook.tags.team": "too many"}

    insert(priced, [call("openai", "gpt-4o", 1_000, 0, at=datetime.now(UTC), **tags)])

    statement = "SELECT customer, team FROM calls WHERE tenant = {tenant:String}"
    rows = [tuple(row) for row in priced.rows(statement, {"tenant": tenant})]
    assert rows == [("new", "(other)")]
