"""Savings: arithmetic on calls that were made, and nothing that they do not show."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call
from serving import serving

from tollbook_collector import cli
from tollbook_collector.money.savings import search
from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Opened

# In the middle of five minutes of an hour that is over, so that all calls are in one.
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
AT = HOUR - timedelta(minutes=8)
DIGEST = "d" * 32
MILLION = 1_000_000


def asked(
    number: int, model: str = "gpt-5-mini", output: int | None = 100, **more: Any
) -> list[Span]:
    """Return calls of one feature with 2,000 tokens of input that ask the same."""
    provider = "anthropic" if model.startswith("claude") else "openai"
    used = {"tollbook__prompt__digest": DIGEST, "tollbook__tags__feature": "answer", **more}
    return [
        call(provider, model, 2000 if output else None, output, AT + timedelta(seconds=n), **used)
        for n in range(number)
    ]


def found(
    api: TestClient, store: ClickHouse, tenant: str, insert: Insert, sent: Sequence[Span]
) -> dict[str, dict[str, Any]]:
    """Insert calls, search them, and return what was found by kind and what instead."""
    insert(store, sent)
    search(store, tenant, HOUR + timedelta(minutes=5))
    return {f"{row['kind']} {row['instead']}": row for row in api.get("/v1/savings").json()["rows"]}


def test_the_same_question_of_a_day_costs_once(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    row = found(api, priced, tenant, insert, asked(3))["repeat "]

    # Two of three: 2 * (2000 * 0.25 + 100 * 2) / 1000000.
    assert Decimal(row["saved_usd"]) == 2 * (2000 * Decimal("0.25") + 100 * 2) / MILLION
    assert row["calls"] == 2
    assert len(row["examples"]) == 1


def test_a_prompt_of_five_minutes_is_read_from_the_cache_but_for_the_first(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    row = found(api, priced, tenant, insert, asked(3))["cache "]

    # gpt-5-mini: 0.25 a million of input, 0.025 from the cache, writing costs no more than input.
    assert Decimal(row["cost_usd"]) == 3 * 2000 * Decimal("0.25") / MILLION
    assert Decimal(row["would_usd"]) == 2000 * (Decimal("0.25") + 2 * Decimal("0.025")) / MILLION


def test_what_was_read_from_the_cache_is_no_saving_of_it(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    read = {"gen_ai__usage__cache_read__input_tokens": 1900}

    assert "cache " not in found(api, priced, tenant, insert, asked(3, **read))


def test_calls_that_nobody_watches_could_be_a_batch(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    watched = [
        replace(one, attributes={**one.attributes, "gen_ai.request.stream": True})
        for one in asked(5)
    ]
    step = asked(7, tollbook__run__id="run-1")

    row = found(api, priced, tenant, insert, [*asked(3), *watched, *step])["tier batch"]

    # A batch of gpt-5-mini costs half: 0.125 and 1.
    assert row["calls"] == 3
    assert Decimal(row["would_usd"]) == 3 * (2000 * Decimal("0.125") + 100) / MILLION


def test_a_cheaper_model_is_one_that_the_feature_uses_and_that_does_not_fail_more(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    dear = asked(100, "claude-sonnet-5-5")
    cheap = asked(100, "gpt-5-mini")
    failing = [replace(one, status_code=2) for one in asked(20, "claude-haiku-4-5", None)]

    rows = found(
        api, priced, tenant, insert, [*dear, *cheap, *asked(100, "claude-haiku-4-5"), *failing]
    )

    models = {name: row for name, row in rows.items() if name.startswith("model")}
    assert set(models) == {"model gpt-5-mini"}
    row = next(
        row
        for row in api.get("/v1/savings").json()["rows"]
        if (row["kind"], row["model"]) == ("model", "claude-sonnet-5-5")
    )
    assert Decimal(row["would_usd"]) == 100 * (2000 * Decimal("0.25") + 100 * 2) / MILLION
    assert row["facts"]["calls_instead"] == 100
    assert len(row["examples"]) == 3


def test_a_model_that_was_hardly_called_is_not_proposed(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    sent = [*asked(100, "claude-sonnet-5-5"), *asked(99, "gpt-5-mini")]

    rows = found(api, priced, tenant, insert, sent)

    assert not [name for name in rows if name.startswith("model")]


def test_another_tenant_sees_none_of_it_and_a_search_that_was_cut_off_does_not_count(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    insert(priced, asked(3))
    search(priced, f"{tenant}-other", HOUR)

    assert api.get("/v1/savings").json()["rows"] == []
    assert "3 calls in 30 days, and none is searched yet." in api.get("/savings").text


def test_the_largest_of_a_way_are_open_and_the_smaller_ones_a_click_away(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    sent = [
        call("openai", "gpt-5-mini", 1000 * n, 10, AT, tollbook__tags__feature=f"feature-{n}")
        for n in range(1, 8)
    ]
    found(api, priced, tenant, insert, sent)

    page = api.get("/savings").text

    batches = page.split('<section id="tier">')[1].split("</section>")[0]
    shown, folded = batches.split("<details><summary>2 smaller ones</summary>")
    assert [n for n in range(1, 8) if f"feature-{n}<" in shown] == [3, 4, 5, 6, 7]
    assert [n for n in range(1, 8) if f"feature-{n}<" in folded] == [1, 2]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_the_page_says_what_each_way_alone_would_have_saved(
    opened: Opened, api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    found(api, priced, tenant, insert, asked(4))

    page = opened("/savings")

    # Half of 4 * 0.0007 in a batch, three quarters of it asked once.
    heading = page.locator("h1").inner_text()
    assert heading == (
        "Up to $0.00210 of $0.00280 could have been saved in 30 days"
        " by asking the same question once a day."
    )
    rows = page.locator(".ways tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in rows][:2] == [
        ["The same question again", "$0.00210"],
        ["Batch and flex", "$0.00140"],
    ]
    page.locator("#repeat tbody td:last-child a").first.click()
    assert page.locator("h1").inner_text().startswith("gpt-5-mini answered in 1 s")


def test_the_terminal_says_what_each_way_alone_would_have_saved(
    api: TestClient,
    priced: ClickHouse,
    insert: Insert,
    tenant: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found(api, priced, tenant, insert, asked(4))

    with serving(api.app) as address:
        status = cli.run(["savings", "--api", address])

    # As on the page: three quarters of 4 * 0.0007 asked once, half of it in a batch.
    said = capsys.readouterr().out
    assert status == 0
    assert "Of $0.002800 in 30 days" in said
    assert "the same question once a day $0.002100, batch or flex $0.001400" in said


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_without_digests_the_page_says_how_to_get_them(
    opened: Opened, api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    found(api, priced, tenant, insert, [call("openai", "gpt-5-mini", 10, 10, AT)])

    page = opened("/savings")

    assert "TOLLBOOK_DIGEST_KEY" in page.locator("#repeat").inner_text()
