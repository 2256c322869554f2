"""Pages of runs, incidents and budgets in a real browser, and the questions behind them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.answer.incidents import incidents
from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Opened
from .found import finding, insert_budget

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
NOW = datetime.now(UTC) - timedelta(minutes=2)
TRACE = bytes(range(16))
ROOT, TOOL = b"r" * 8, b"t" * 8
# USD for a million tokens of gpt-5-mini: 0.25 of input and 2 of output.
CALL_USD = (1000 * Decimal("0.25") + 100 * 2) / 1_000_000


def insert_run(store: ClickHouse, insert: Insert, name: str = "refund") -> None:
    """Insert a run with the id `name`-1: a root, under it a call and a tool with two calls."""
    used = {"tollbook__run__id": f"{name}-1", "tollbook__run__name": name}
    model_call = call("openai", "gpt-5-mini", 1000, 100, **used).attributes
    later = NOW + timedelta(seconds=1)
    plain = {"trace_id": TRACE}
    sent = [
        Span({}, at=NOW, name="refund", span_id=ROOT, duration_ns=9 * 10**9, **plain),  # type: ignore[arg-type]
        Span({}, at=later, name="look up", span_id=TOOL, parent_span_id=ROOT, **plain),  # type: ignore[arg-type]
        *(
            Span(model_call, at=later, span_id=bytes([n]) * 8, parent_span_id=parent, **plain)  # type: ignore[arg-type]
            for n, parent in ((1, ROOT), (2, TOOL), (3, TOOL))
        ),
    ]
    insert(store, sent)


def test_runs_are_listed_by_cost_with_what_one_of_their_agent_costs(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert_run(priced, insert)
    small = call(
        *("openai", "gpt-5-mini", 1000, 100, NOW),
        tollbook__run__id="refund-2",
        tollbook__run__name="refund",
    )
    insert(priced, [small])

    rows = api.get("/v1/runs").json()["rows"]
    agents = api.get("/v1/agents").json()
    (agent,), (day,) = agents["rows"], agents["days"]

    assert [(row["run_id"], Decimal(row["cost_usd"])) for row in rows] == [
        ("refund-1", 3 * CALL_USD),
        ("refund-2", CALL_USD),
    ]
    assert (agent["run"], agent["runs"], agent["calls"]) == ("refund", 2, 4)
    assert Decimal(agent["cost_max_usd"]) == 3 * CALL_USD
    assert (day["day"], day["run"], day["runs"]) == (f"{NOW:%Y-%m-%d}", "refund", 2)
    assert Decimal(day["cost_usd"]) == 4 * CALL_USD


def test_runs_come_in_pages_that_leave_none_out(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    sent = [
        call("openai", "gpt-5-mini", 1000, 100, NOW, tollbook__run__id=f"r{n}") for n in range(5)
    ]
    insert(priced, sent)

    seen, after = [], ""
    for _ in range(3):
        page = api.get("/v1/runs", params={"limit": 2, "after": after}).json()
        seen += [row["run_id"] for row in page["rows"]]
        after = page["after"]

    assert sorted(seen) == [f"r{n}" for n in range(5)]
    assert after == ""


@pytest.mark.parametrize(
    ("question", "says"),
    [("order=name", "it may be cost, time, calls"), ("after=x", "after"), ("limit=0", "1 to 1000")],
)
def test_a_question_about_runs_that_cannot_be_says_why(
    api: TestClient, question: str, says: str
) -> None:
    answer = api.get(f"/v1/runs?{question}")

    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_run_has_the_spans_around_its_calls_and_another_tenant_has_none(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert_run(priced, insert)

    steps = api.get("/v1/runs/refund-1").json()["steps"]

    assert [(step["name"], step["depth"]) for step in steps] == [
        ("refund", 0),
        ("chat gpt", 1),
        ("look up", 1),
        ("chat gpt", 2),
        ("chat gpt", 2),
    ]
    assert api.get("/v1/runs/no-such-run").status_code == 404


@needs_chromium
def test_a_run_shows_what_each_step_costs_with_the_steps_below_it(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    insert_run(priced, insert)
    page = opened("/runs")

    page.locator("tbody a").click()

    # 3 * 0.00045 for the run, 2 * 0.00045 below the tool.
    assert (
        page.locator("h1").inner_text() == "This run of refund cost $0.00135 in 3 calls over 9 s."
    )
    below = page.locator(".waterfall tbody td:last-child").all_inner_texts()
    assert below == ["$0.00135", "", "$0.000900", "", ""]

    page.locator(".waterfall tbody th a").first.click()

    told = page.locator("h2", has_text="Its trace").inner_text()
    assert told == "Its trace: 5 spans in 9 s, 3 calls for $0.00135"


@needs_chromium
def test_an_incident_explains_itself_and_is_taken_and_judged_on_its_page(
    opened: Opened, priced: ClickHouse, tenant: str
) -> None:
    evidence = {
        "compared_with": "the same hours of the weeks before",
        "delta_usd": "41",
        "decomposition_usd": {"requests": "44", "cache": "-3"},
        "dimensions": [
            {
                "dimension": "feature",
                "value": "draft",
                "explains": 0.9,
                "before_usd": "2",
                "after_usd": "43",
                "delta_usd": "41",
            }
        ],
        "first_calls": [f"{TRACE.hex()}/{'01' * 8}"],
    }
    Incidents(lambda: priced).tell([finding(tenant, ["search"], evidence)])
    page = opened("/incidents")
    page.locator("tbody a").click()
    assert page.locator("h1").inner_text() == (
        "Spend of team search: $41.00 beyond what was expected."
    )
    assert page.locator(".sum th").all_inner_texts() == [
        *("more or fewer calls", "what the cache saves", "together"),
    ]

    page.get_by_role("button", name="I have it").click()
    page.get_by_label("it was").select_option("expected")
    page.get_by_role("button", name="Teach").click()
    page.get_by_label("note").fill("a campaign")
    page.get_by_role("button", name="Write down").click()

    (row,) = incidents(priced, tenant, "all")
    assert (row["status"], row["feedback"]) in (
        ("acknowledged", "expected"),
        ("resolved", "expected"),
    )
    assert page.locator("td.words").first.inner_text() == "a campaign"
    assert page.get_by_role("link", name="01" * 8).count() == 1


@needs_chromium
def test_a_step_that_an_incident_cannot_take_is_said_on_its_page(
    opened: Opened, priced: ClickHouse, tenant: str
) -> None:
    (told,) = Incidents(lambda: priced).tell([finding(tenant, ["search"], {})])
    page = opened(f"/incidents/{told.incident}")
    other = opened(f"/incidents/{told.incident}")
    other.get_by_role("button", name="It is over").click()

    page.get_by_role("button", name="I have it").click()

    assert page.get_by_role("alert").inner_text() != ""


def test_a_page_of_another_site_cannot_act_on_an_incident(
    api: TestClient, priced: ClickHouse, tenant: str
) -> None:
    (told,) = Incidents(lambda: priced).tell([finding(tenant, ["search"], {})])
    path = f"/incidents/{told.incident}/resolve"

    foreign = api.post(path, headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    framed = api.post(path, headers={"origin": "http://evil.example"}, follow_redirects=False)

    assert (foreign.status_code, framed.status_code) == (403, 403)
    assert incidents(priced, tenant, "all")[0]["status"] == "open"


@needs_chromium
def test_budgets_say_which_will_not_last(opened: Opened, priced: ClickHouse, tenant: str) -> None:
    insert_budget(priced, tenant, "teams", "search", "30", "40")
    insert_budget(priced, tenant, "teams", "sales", "41", "40")

    page = opened("/budgets")

    assert page.locator("h1").inner_text() == "1 budget is exceeded, and 1 other will not last."
    assert page.locator("tbody th").all_inner_texts() == ["teams hard", "teams hard"]
    # 41 - 40 = 1 over, 40 - 30 = 10 left.
    assert page.locator("tbody td:nth-child(8)").all_inner_texts() == [
        "\N{MINUS SIGN}$1.00",
        "$10.00",
    ]
