"""Spend over time and against the period before: the pieces add up to the whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.answer import series
from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.series import spend_change, spend_changes
from tollbook_collector.store.client import ClickHouse

NOW = datetime.now(UTC) - timedelta(minutes=1)
# USD for a million tokens of gpt-5-mini: 0.25 input.
THOUSAND_TOKENS_USD = 1000 * Decimal("0.00000025")


@pytest.mark.parametrize(("since", "bucket_s"), [("90m", 60), ("24h", 300), ("7d", 3600)])
def test_a_series_adds_up_whatever_its_buckets(
    api: TestClient, priced: ClickHouse, insert: Insert, since: str, bucket_s: int
) -> None:
    sent = [
        call("openai", "gpt-5-mini", 1000 * n, 0, NOW - timedelta(minutes=11 * n))
        for n in range(1, 6)
    ]
    insert(priced, sent)

    found = api.get("/v1/spend/series", params={"since": since}).json()

    assert found["bucket_s"] == bucket_s
    total = sum(Decimal(point["cost_usd"]) for point in found["points"])
    assert total == (1 + 2 + 3 + 4 + 5) * THOUSAND_TOKENS_USD
    assert sum(point["calls"] for point in found["points"]) == 5


def test_all_but_the_dearest_values_are_drawn_as_one(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    sent = [
        call("openai", "gpt-5-mini", 1000 * n, 0, NOW, tollbook__tags__team=f"team-{n}")
        for n in range(1, 5)
    ]
    insert(priced, sent)

    found = api.get("/v1/spend/series", params={"by": "team", "top": 2}).json()

    costs = {point["value"]: Decimal(point["cost_usd"]) for point in found["points"]}
    assert costs == {
        "team-4": 4 * THOUSAND_TOKENS_USD,
        "team-3": 3 * THOUSAND_TOKENS_USD,
        "(other)": (2 + 1) * THOUSAND_TOKENS_USD,
    }


def test_a_change_has_both_periods_largest_change_first(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    before = NOW - timedelta(hours=30)

    def sent(team: str, tokens: int, at: datetime) -> object:
        return call("openai", "gpt-5-mini", tokens, 0, at, tollbook__tags__team=team)

    insert(
        priced,
        [
            *(sent("steady", 5000, at) for at in (NOW, before)),
            *(sent("grew", tokens, at) for tokens, at in ((9000, NOW), (1000, before))),
            sent("gone", 3000, before),
        ],
    )

    rows = api.get("/v1/spend/change", params={"by": "team", "since": "24h"}).json()["rows"]

    found = {row["dimensions"]["team"]: Decimal(row["delta_usd"]) for row in rows}
    assert list(found) == ["grew", "gone", "steady"]
    assert found == {
        "grew": 8 * THOUSAND_TOKENS_USD,
        "gone": -3 * THOUSAND_TOKENS_USD,
        "steady": Decimal(0),
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/spend/series?by=hour", "'hour' is not a dimension"),
        ("/v1/spend/series?top=0", "top is 0, it may be 1 to 50"),
        ("/v1/spend/change?by=day", "'day' is not a dimension"),
    ],
)
def test_what_cannot_be_asked_is_named(api: TestClient, path: str, said: str) -> None:
    answer = api.get(path)

    assert answer.status_code == 400
    assert said in answer.json()["error"]


def odd_calls(at: datetime) -> list[Span]:
    """Return calls of several teams, models and days, one without a price and one that failed."""
    made = []
    for n, (team, model) in enumerate(product(("search", "sales", ""), ("gpt-5-mini", "gpt-4o"))):
        tags = {"tollbook__tags__team": team, "tollbook__tags__customer": f"c{n}"} if team else {}
        for days in (0, 1, 3):
            tokens = 1000 + 137 * n + days
            made.append(call("openai", model, tokens, 7 * n, at - timedelta(days=days), **tags))
    unpriced = call("nobody", "house-model", 100, 10, at, tollbook__tags__team="search")
    return [*made, unpriced, replace(made[0], status_code=2)]


@pytest.mark.parametrize("by", ["day,model,team", "customer,hour", "service_tier", "team,day,hour"])
def test_spend_is_that_of_the_view_to_the_last_digit(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str, by: str
) -> None:
    insert(priced, odd_calls(NOW))
    columns = {
        "day": "formatDateTime(hour, '%Y-%m-%d')",
        "hour": "formatDateTime(hour, '%Y-%m-%dT%H:00Z')",
    }
    chosen = ", ".join(f"toString({columns.get(name, name)})" for name in by.split(","))
    sums = "sum(calls), sum(errors), sum(unpriced_calls), sum(input_tokens), sum(output_tokens)"
    viewed = priced.rows(
        f"SELECT {chosen}, {sums}, sum(cost_usd) FROM spend WHERE tenant = {{tenant:String}}"
        " GROUP BY ALL",
        {"tenant": tenant},
    )

    answer = api.get("/v1/spend", params={"by": by, "since": "7d"}).json()

    numbers = ("calls", "errors", "unpriced_calls", "input_tokens", "output_tokens", "cost_usd")
    flat = [
        (*row["dimensions"].values(), *(row[name] for name in numbers)) for row in answer["rows"]
    ]
    assert sorted(map(str, flat)) == sorted(str(tuple(map(plain, row))) for row in viewed)
    total = priced.rows(
        "SELECT sum(calls), sum(cost_usd) FROM spend WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert (answer["total"]["calls"], Decimal(answer["total"]["cost_usd"])) == total[0]


@pytest.mark.parametrize("together_max", [0, 1_000])
def test_changes_asked_together_are_those_asked_one_by_one(
    priced: ClickHouse,
    insert: Insert,
    tenant: str,
    together_max: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert(priced, odd_calls(NOW))
    monkeypatch.setattr(series, "TOGETHER_MAX", together_max)
    tables = [["provider", "model"], ["team"], ["customer"]]
    period = Period.back("24h")

    together = spend_changes(priced, tenant, period, tables)

    assert together == [spend_change(priced, tenant, period, by) for by in tables]
    assert [len(rows) for rows in together] == [3, 3, 5]
