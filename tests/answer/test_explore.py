"""The explorer: filters by any dimension, of several values, by exclusion, and by keyboard."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call
from playwright.sync_api import expect

from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Opened

MANY = "but=team:x&but=model:x&but=service:x&but=feature:x&but=provider:x"
# Team, customer and million tokens of input of gpt-4o-mini, at 0.15 USD each.
CALLS = [("search", "a", 1), ("search", "b", 2), ("support", "a", 4), ("", "b", 8)]


def spans() -> list[Span]:
    """Return calls of 0.15 USD times 1, 2, 4 and 8, in the last whole hour."""
    at = datetime.now(UTC) - timedelta(hours=2)
    return [
        call(
            "openai",
            "gpt-4o-mini",
            1_000_000 * millions,
            0,
            at=at,
            **{"tollbook.tags.team": team, "tollbook.tags.customer": customer},
        )
        for team, customer, millions in CALLS
    ]


@pytest.mark.parametrize(
    ("filters", "millions"),
    [
        ("", 1 + 2 + 4 + 8),
        ("only=team:search", 1 + 2),
        ("only=team:search&only=team:support", 1 + 2 + 4),
        ("but=team:search", 4 + 8),
        ("only=team:", 8),
        ("but=team:&only=customer:a", 1 + 4),
        ("only=team:search&but=customer:b&only=provider:openai&but=service:x", 1),
        ("only=team:nobody", 0),
    ],
)
def test_a_filter_lets_the_calls_through_that_it_names(
    api: TestClient, priced: ClickHouse, insert: Insert, filters: str, millions: int
) -> None:
    insert(priced, spans())

    page = api.get(f"/explore?since=24h&by=team&{filters}")

    assert page.status_code == 200
    found = re.search(r'<h1><strong title="([0-9.]+)', page.text)
    # 0.15 USD for each million tokens.
    assert (float(found[1]) if found else 0.0) == pytest.approx(0.15 * millions)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ("only=colour:red", "is no filter"),
        ("only=team", "is no filter"),
        ("only=hour:3", "is no filter"),
        (MANY, "5 dimensions are filtered, 4 can be"),
        ("&".join(f"but=team:{n}" for n in range(101)), "100 can be"),
        ("value=x&how=drop", "only or but"),
    ],
    ids=["dimension", "value", "time", "dimensions", "values", "how"],
)
def test_a_filter_that_cannot_be_is_named(api: TestClient, filters: str, said: str) -> None:
    page = api.get(f"/explore?{filters}")

    assert page.status_code == 400
    assert said in page.text


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_filters_are_put_on_and_taken_off_by_keyboard(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, spans())
    page = opened("/explore?since=24h&by=team")

    page.get_by_label("value", exact=True).focus()
    page.keyboard.type("support")
    page.keyboard.press("Enter")
    expect(page.locator(".chosen")).to_contain_text("team is support")
    only = page.locator("h1").inner_text()
    page.get_by_label("Remove the filter team is support").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chosen")).to_have_count(0)
    page.get_by_label("Without team search").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chosen")).to_contain_text("team is not search")

    # 0.15 USD times 4; then times 4 + 8.
    assert only.startswith("$0.60")
    assert page.locator("h1").inner_text().startswith("$1.80")
