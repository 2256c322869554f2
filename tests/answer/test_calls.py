"""Calls one by one: every one is found, on one page or over many, and only one's own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.answer.trace_cost import ASK_AGAIN_S, TraceCost, TraceCosts
from tollbook_collector.money.copies import search
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

NOW = datetime.now(UTC) - timedelta(minutes=10)
TRACE = bytes(range(16))
SPANS = (b"original", b"the copy")


def listed(api: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """Return all calls, page after page."""
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = api.get("/v1/calls", params={**parameters, "after": after})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["rows"]
        after = page["after"]
        if not after:
            return rows


@pytest.mark.parametrize("order", ["time", "cost", "duration"])
def test_pages_hold_every_call_once(
    api: TestClient, priced: ClickHouse, insert: Insert, order: str
) -> None:
    # Many start in the same nanosecond.
    sent = [call("openai", "gpt-5-mini", 1000, 10, NOW) for _ in range(7)]
    sent += [call("openai", "gpt-5-mini", 2000, n, NOW - timedelta(seconds=n)) for n in range(6)]
    insert(priced, sent)

    spans = [row["span"] for row in listed(api, order=order, limit=3)]

    assert len(spans) == 13
    assert len(set(spans)) == 13


def test_the_orders_are_newest_dearest_and_slowest(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    cheap_slow = replace(call("openai", "gpt-5-mini", 10, 1, NOW), duration_ns=9 * 10**9)
    dear_quick = replace(call("openai", "gpt-5-mini", 9000, 9, NOW - timedelta(seconds=5)))
    insert(priced, [cheap_slow, dear_quick])

    by_time, by_cost, by_duration = (
        [row["input_tokens"] for row in listed(api, order=order)]
        for order in ("time", "cost", "duration")
    )

    assert by_time == [10, 9000]
    assert by_cost == [9000, 10]
    assert by_duration == [10, 9000]


def test_filters_leave_what_was_asked_for(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    tagged = call("openai", "gpt-5-mini", 1, 1, NOW, tollbook__tags__team="search")
    insert(
        priced,
        [
            tagged,
            call("openai", "gpt-5-mini", 2, 1, NOW),
            call("anthropic", "claude-haiku-4-5", 3, 1, NOW),
            call("openai", "no-such-model", 4, 1, NOW),
            call("openai", "gpt-5-mini", 5, 1, NOW, status_code=2),
        ],
    )

    def found(**parameters: Any) -> set[int]:
        return {row["input_tokens"] for row in listed(api, **parameters)}

    assert found() == {1, 2, 3, 4, 5}
    assert found(team="search") == {1}
    assert found(model=["claude-haiku-4-5", "no-such-model"]) == {3, 4}
    assert found(only="failed") == {5}
    assert found(only="unpriced") == {4}


def test_one_call_tells_all_that_is_known_with_exact_money(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("openai", "gpt-5-mini", 1000, 10, NOW)])
    (row,) = listed(api)

    found = api.get(f"/v1/calls/{row['trace']}/{row['span']}").json()

    # USD for a million tokens: 0.25 input, 2 output: 1000 * 0.00000025 + 10 * 0.000002
    assert found["cost_usd"] == "0.00027"
    assert found["input_tokens"] == 1000
    assert found["price_status"] == "priced"


def test_a_trace_lists_parents_before_their_children_with_their_depth(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    def span(name: str, number: int, parent: int, seconds: int) -> Span:
        return Span(
            name=name,
            at=NOW + timedelta(seconds=seconds),
            trace_id=TRACE,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        )

    insert(
        priced,
        [
            span("second child", 3, 1, 4),
            span("root", 1, 0, 0),
            span("grandchild", 4, 2, 2),
            span("first child", 2, 1, 1),
            span("stray", 5, 99, 6),
        ],
    )

    rows = api.get(f"/v1/traces/{TRACE.hex()}").json()["rows"]

    assert [(row["name"], row["depth"]) for row in rows] == [
        ("root", 0),
        ("first child", 1),
        ("grandchild", 2),
        ("second child", 1),
        ("stray", 0),
    ]


def test_spans_that_are_each_others_parents_are_shown_all_the_same(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    one, two = (1).to_bytes(8, "big"), (2).to_bytes(8, "big")
    insert(
        priced,
        [
            Span(name="a", at=NOW, trace_id=TRACE, span_id=one, parent_span_id=two),
            Span(name="b", at=NOW, trace_id=TRACE, span_id=two, parent_span_id=one),
        ],
    )

    rows = api.get(f"/v1/traces/{TRACE.hex()}").json()["rows"]

    assert {row["name"] for row in rows} == {"a", "b"}


def test_a_copy_of_a_call_costs_nothing_wherever_it_is_shown(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    def seen(span: bytes, seconds: int) -> Span:
        at = NOW + timedelta(seconds=seconds)
        sent = call("openai", "gpt-5-mini", 1000, 10, at, gen_ai__response__id="resp-" + "7" * 24)
        return replace(sent, span_id=span, trace_id=TRACE, scope=span.decode())

    insert(priced, [seen(b"original", 0), seen(b"the copy", 1)])
    search(priced)

    shown = {row["span"]: row for row in listed(api)}
    original, copy = shown[b"original".hex()], shown[b"the copy".hex()]
    alone = api.get(f"/v1/calls/{copy['trace']}/{copy['span']}").json()
    (model,) = api.get("/v1/models").json()["rows"]
    spans = api.get(f"/v1/traces/{TRACE.hex()}").json()["rows"]
    # USD for a million tokens: 0.25 input, 2 output: 1000 * 0.00000025 + 10 * 0.000002
    assert Decimal(original["cost_usd"]) == Decimal("0.00027")
    assert (copy["cost_usd"], copy["price_status"]) == (None, "not_billable")
    assert (alone["cost_usd"], alone["dedup_of"]) == (None, original["span"])
    assert (model["calls"], Decimal(model["cost_usd"])) == (1, Decimal("0.00027"))
    assert [span["cost_usd"] for span in spans] == [original["cost_usd"], None]
    assert api.get(f"/v1/traces/{TRACE.hex()}/cost").json() == {
        "spans": 2,
        "calls": 1,
        "unpriced_calls": 0,
        "cost_usd": "0.00027",
    }


def test_the_cost_of_a_trace_is_that_of_its_calls_to_the_last_digit(
    api: TestClient, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    def part(number: int, span: Span, hours: int = 0) -> Span:
        at = NOW - timedelta(hours=hours)
        return replace(span, at=at, trace_id=TRACE, span_id=number.to_bytes(8, "big"))

    agent = Span(name="invoke_agent")
    insert(priced, [part(1, agent), part(2, call("openai", "gpt-5-mini", 1000, 10))])
    insert(
        priced,
        [part(3, call("openai", "gpt-5-mini", 1, 1), hours=30)],
        resource={"service.name": "b"},
    )
    insert(priced, [part(4, call("openai", "of-nobody", 5, 5)), call("openai", "gpt-5-mini", 9, 9)])

    found = api.get(f"/v1/traces/{TRACE.hex()}/cost").json()

    viewed = priced.rows(
        "SELECT count(), sum(cost_usd) FROM calls"
        " WHERE tenant = {tenant:String} AND trace_id = {trace:String} AND billable",
        {"tenant": tenant, "trace": TRACE.hex()},
    )
    # USD for a million tokens: 0.25 input, 2 output; (1000 + 1) * 0.00000025 + 11 * 0.000002
    assert found == {"spans": 4, "calls": 3, "unpriced_calls": 1, "cost_usd": "0.00027225"}
    assert viewed == [(3, Decimal("0.00027225"))]


def test_spans_of_before_there_were_parts_of_traces_are_asked_themselves(
    priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    copied = call("openai", "gpt-5-mini", 1000, 10, NOW, gen_ai__response__id="resp-" + "6" * 24)
    sent = [replace(copied, span_id=span, trace_id=TRACE, scope=span.decode()) for span in SPANS]
    insert(priced, [*sent, replace(call("openai", "of-nobody", 1, 1, NOW), trace_id=TRACE)])
    search(priced)
    asked: list[str] = []

    class OfBefore:
        """The store, but that it has spans of before."""

        def rows(self, statement: str, parameters: Any = None) -> Any:
            asked.append(statement)
            old = statement == sql.read("queries/traces_added_up")
            return [(0,)] if old else priced.rows(statement, parameters)

    seconds = [0.0]
    costs = TraceCosts(lambda: OfBefore(), lambda: seconds[0])  # type: ignore[arg-type, return-value]
    of_old = costs.of(tenant, TRACE.hex())
    costs.of(tenant, TRACE.hex())
    seconds[0] = ASK_AGAIN_S
    costs.of(tenant, TRACE.hex())
    of_new = TraceCosts(lambda: priced).of(tenant, TRACE.hex())

    # Of three spans two are calls that count: 1000 * 0.00000025 + 10 * 0.000002, and one unpriced.
    assert of_old == of_new == TraceCost(3, 2, 1, Decimal("0.00027"))
    assert asked.count(sql.read("queries/trace_cost_of_old")) == 3
    assert asked.count(sql.read("queries/traces_added_up")) == 2


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/calls?order=price", 400, "order is 'price', it may be time, cost, duration"),
        ("/v1/calls?only=good", 400, "only is 'good', it may be failed or unpriced"),
        ("/v1/calls?limit=0", 400, "limit is 0, it may be 1 to 1000"),
        ("/v1/calls?after=x", 400, "which no page before gave"),
        ("/v1/calls?order=cost&after=100001", 400, "it may be up to 100000"),
        ("/v1/calls?since=soon", 400, "'soon' is not a length of time"),
        ("/v1/calls/xyz/0000000000000001", 400, "32 hexadecimal digits"),
        (f"/v1/calls/{'0' * 32}/12", 400, "16 hexadecimal digits"),
        (f"/v1/calls/{'0' * 32}/{'1' * 16}", 404, "there is no call"),
        (f"/v1/traces/{'1' * 32}", 404, "there is no trace"),
        (f"/v1/traces/{'1' * 32}/cost", 404, "there is no trace"),
        ("/v1/traces/xyz/cost", 400, "32 hexadecimal digits"),
    ],
)
def test_a_wrong_question_gets_the_value_and_what_it_may_be(
    api: TestClient, path: str, status: int, said: str
) -> None:
    answer = api.get(path)

    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_the_arithmetic_of_a_call_has_what_is_billed_beside_tokens(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    searching = call(
        *("anthropic", "claude-sonnet-5-5", 1000, 100, NOW),
        tollbook__usage__web_search_requests=3,
    )
    insert(priced, [replace(searching, trace_id=TRACE, span_id=b"s" * 8)])

    text = api.get(f"/calls/{TRACE.hex()}/{(b's' * 8).hex()}").text

    # USD 10 for a thousand searches: 3 * 0.01.
    assert "web search" in text
    assert ">0.03 USD<" in text
