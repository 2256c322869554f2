"""Pages of comparisons, the ledger, saved views, settings and keys, and what stands behind them."""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.answer.compare import Side, differences
from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Opened

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
NOW = datetime.now(UTC) - timedelta(minutes=2)
LAST_MONTH = (NOW.replace(day=1) - timedelta(days=3)).replace(hour=12)


def many(model: str, number: int, failed: int = 0, **more: object) -> list[Span]:
    """Return calls of a model whose output grows by a token from call to call."""
    made = [call("openai", model, 1000, 100 + n, NOW, **more) for n in range(number - failed)]
    return made + [call("openai", model, None, None, NOW, 2, **more) for _ in range(failed)]


def side(calls: int, errors: int) -> Side:
    return Side(
        value="a",
        calls=calls,
        errors=errors,
        priced=0,
        cost_usd=Decimal(0),
        cost_mean=None,
        cost_variance=None,
        counted=0,
        output_mean=None,
        output_variance=None,
        input_mean=None,
        input_variance=None,
        timed=0,
        log_duration_mean=None,
        log_duration_variance=None,
        p50_ms=None,
        p95_ms=None,
        cut_off=0,
        cached=None,
    )


def test_two_models_are_told_apart_where_they_differ_and_not_where_they_do_not(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [*many("gpt-5-mini", 40, failed=1), *many("gpt-5", 40, failed=1)])

    answer = api.get("/v1/compare", params={"a": "gpt-5-mini", "b": "gpt-5"}).json()

    told = {one["measure"]: one for one in answer["differences"]}
    # gpt-5 costs 1.25 and 10 a million, five times as much of both.
    assert told["cost"]["low"] < 5 < told["cost"]["high"]
    assert told["cost"]["told"]
    assert [told[name]["told"] for name in ("failed", "input", "output")] == [False] * 3
    time = told["duration"]
    assert time["b"] / time["a"] == pytest.approx(math.sqrt(time["low"] * time["high"]))
    assert Decimal(answer["b"]["cost_usd"]) == 5 * Decimal(answer["a"]["cost_usd"])


def test_the_interval_of_two_shares_is_newcombes() -> None:
    (told,) = differences(side(70, 56), side(80, 48))

    # Newcombe 1998, table II, first example: 56/70 less 48/80 is 0.2, from 0.0524 to 0.3339.
    assert (round(told.low, 4), round(told.high, 4)) == (-0.3339, -0.0524)


@pytest.mark.parametrize(
    ("question", "says"),
    [("a=x&b=x", "with itself"), ("a=x&b=y&by=colour", "'colour' cannot be compared")],
)
def test_a_comparison_that_cannot_be_says_why(api: TestClient, question: str, says: str) -> None:
    answer = api.get(f"/v1/compare?{question}")

    assert (answer.status_code, says in answer.json()["error"]) == (400, True)


@needs_chromium
def test_the_page_compares_the_two_most_called_and_says_it_in_words(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [*many("gpt-5-mini", 30), *many("gpt-5", 20)])

    page = opened("/compare")

    assert page.locator("h1").inner_text().startswith("gpt-5 costs ")
    assert page.locator("tbody th").first.inner_text() == "failed calls"


def test_a_month_that_is_over_is_closed_from_the_ledger(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("openai", "gpt-5-mini", 1000, 100, LAST_MONTH)])
    month = f"{LAST_MONTH:%Y-%m}"
    api.base_url = "http://127.0.0.1"  # type: ignore[assignment]

    api.post(f"/ledger/{month}/close", follow_redirects=False)

    (row,) = api.get("/v1/months").json()["rows"]
    assert row["month"] == f"{month}-01"
    assert row["closed_at"] is not None
    # (1000 * 0.25 + 100 * 2) / 1000000
    assert Decimal(row["cost_usd"]) == Decimal("0.00045")


@needs_chromium
def test_a_month_that_runs_cannot_be_closed(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("openai", "gpt-5-mini", 1000, 100, NOW)])

    page = opened("/ledger")

    assert "is charged $0.000450; it is the one open month." in page.locator("h1").inner_text()
    assert page.get_by_role("button", name="Close it").count() == 0


@needs_chromium
def test_a_view_of_the_explorer_is_saved_opened_and_removed(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, many("gpt-5-mini", 3))
    page = opened("/explore?by=team&since=24h&evil=1")

    page.get_by_label("this view as").fill("Teams of a day")
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.url.endswith("/explore?by=team&since=24h")
    page.goto(page.url.partition("?")[0])
    page.get_by_role("link", name="Teams of a day").click()
    assert page.url.endswith("/explore?by=team&since=24h")
    page.get_by_role("button", name="Remove the view Teams of a day").click()

    page.locator("h1").wait_for()
    assert page.get_by_role("link", name="Teams of a day").count() == 0


def test_a_view_belongs_to_its_tenant_and_its_name_must_show(
    api: TestClient, priced: ClickHouse
) -> None:
    row = ["another", "Theirs", "by=team", "x", datetime.now(UTC), False]
    columns = ["tenant", "name", "query", "author", "saved_at", "removed"]
    priced.insert("saved_views", columns, [row])

    wrong = api.post("/v1/views", json={"name": "\u202e", "query": ""})

    assert wrong.status_code == 400
    assert api.get("/v1/views").json()["rows"] == []


@needs_chromium
def test_the_explorer_says_why_spend_changed(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    earlier = [call("openai", "gpt-5-mini", 1000, 100, NOW - timedelta(days=7)) for _ in range(2)]
    insert(priced, [*earlier, *(call("openai", "gpt-5-mini", 1000, 100, NOW) for _ in range(6))])

    page = opened("/explore?since=24h&against=week")

    # Three times the calls: 4 * 0.00045.
    assert "+$0.00180 against a week earlier" in page.locator("h1").inner_text()
    rows = page.locator("table.sum").inner_text()
    assert rows.split("\t")[:2] == ["more or fewer calls in all", "+$0.00180"]


@needs_chromium
def test_drift_draws_the_daily_medians(opened: Opened, priced: ClickHouse, insert: Insert) -> None:
    days = [NOW - timedelta(days=day) for day in range(3)]
    sent = [call("openai", "gpt-5-mini", 10, 100, day) for day in days for _ in range(20)]
    insert(priced, sent)

    page = opened("/drift")

    assert page.locator("h1").inner_text() == "Nothing drifted in the last 30 days."
    chart = page.locator(".chart").get_attribute("data-chart") or ""
    assert re.search(r'"label": "gpt-5-mini", "values": \[\d+\.\d, \d+\.\d, \d+\.\d\]', chart)
