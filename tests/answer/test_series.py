"""Spend over time and against the period before: the pieces add up to the whole."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import call

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
