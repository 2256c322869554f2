"""Balance: a roll-up that is not what its calls add up to is found, and named by its hour."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from otlp_requests import call

from tollbook_collector.money.balance import Balance
from tollbook_collector.money.copies import search
from tollbook_collector.store.client import ClickHouse

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=7)
RESPONSE = {"gen_ai.response.id": "chatcmpl-4kR9mQ7bXz1LpWd8"}


class OneHour:
    """A store of which one hour is looked at."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    def rows(self, statement: str, parameters: Any = None) -> Sequence[Sequence[Any]]:
        rows = self._clickhouse.rows(statement, parameters)
        hour = HOUR.replace(tzinfo=None)
        return rows if parameters else [row for row in rows if row[0] == hour]


def test_an_hour_that_is_off_is_named_until_it_is_right(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    at = HOUR + timedelta(minutes=5)
    spans = [call("openai", "gpt-4o", 1_000, 100, at=at, **RESPONSE) for _ in range(2)]
    insert(priced, spans[:1])
    insert(priced, spans[1:], resource={"service.name": "gateway"})
    search(priced)
    balance = Balance(lambda: OneHour(priced))
    balance.compare()
    balance.compare()
    assert balance.faults() == []

    more = "INSERT INTO spend_hourly (tenant, hour, calls, cost_usd) SELECT {tenant:String},"
    more += " {hour:DateTime('UTC')}, {calls:Int64}, {usd:Decimal(38, 12)}"
    wrong = {"tenant": tenant, "hour": f"{HOUR:%Y-%m-%d %H:%M:%S}", "calls": -1, "usd": "-0.0035"}
    priced.command(more, wrong)
    balance.compare()
    once = balance.faults()
    balance.compare()
    twice = balance.faults()
    priced.command(more, {**wrong, "calls": 1, "usd": Decimal("0.0035")})
    balance.compare()

    assert once == []
    assert twice == [
        f"spend_hourly is not what its calls add up to: off by 1 calls and 0.0035 USD in 1 hours,"
        f" the first {HOUR:%Y-%m-%d %H:00} UTC; the table calls is right"
    ]
    assert balance.faults() == []


def test_parts_of_traces_are_held_against_their_calls_too(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("openai", "gpt-4o", 1_000, 100, at=HOUR + timedelta(minutes=5))])
    more = "INSERT INTO trace_parts (tenant, trace_id, hour, calls, cost_usd) SELECT"
    more += " {tenant:String}, unhex(repeat('ab', 16)), {hour:DateTime('UTC')},"
    more += " {calls:Int64}, {usd:Decimal(38, 12)}"
    wrong = {"tenant": tenant, "hour": f"{HOUR:%Y-%m-%d %H:%M:%S}", "calls": 2, "usd": "0.007"}
    balance = Balance(lambda: OneHour(priced))

    priced.command(more, wrong)
    balance.compare()
    balance.compare()
    found = balance.faults()
    priced.command(more, {**wrong, "calls": -2, "usd": "-0.007"})

    assert [fault for fault in found if fault.startswith("trace_parts ")] == [
        f"trace_parts is not what its calls add up to: off by 2 calls and 0.007 USD in 1 hours,"
        f" the first {HOUR:%Y-%m-%d %H:00} UTC; the table calls is right"
    ]
