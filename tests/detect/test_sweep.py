"""Findings that are no stretch of a series: new keys and models, runaway runs, doubtful data."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from detect import stored
from detect.stored import NOW, row
from otlp_requests import Span, call

from tollbook_collector.answer.guard import ENGINE_SETTINGS, guarded
from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.sweep import sweep, sweep_runs
from tollbook_collector.store.client import ClickHouse

SECTION = DetectSection(runaway_calls_min=10)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def run_calls(run_id: str, calls: int, at: datetime, **usage: Any) -> list[Span]:
    """Return the calls of one run, ten seconds apart, each with another number of tokens."""
    return [
        call(
            "openai",
            usage.get("model", "gpt-5-mini"),
            1_000 + k * int(usage.get("grows", 1)),
            100,
            at=at + timedelta(seconds=10 * k),
            **{"tollbook.run.id": run_id, "tollbook.run.name": "refund-agent"},
        )
        for k in range(calls)
    ]


def earlier_runs() -> list[Span]:
    return [
        span for k in range(6) for span in run_calls(f"run-{k}", 12, NOW - timedelta(days=2 + k))
    ]


def swept(clickhouse: ClickHouse, tenant: str, until: datetime) -> list[Anomaly]:
    """Return the news, kept as a collector keeps them."""
    news = [
        *sweep_runs(clickhouse, SECTION, tenant, until),
        *sweep(clickhouse, tenant, until, with_quality=True),
    ]
    for one in news:
        Findings(clickhouse).report(one)
    return news


def test_a_run_that_is_out_of_hand_is_found_while_it_runs(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [*earlier_runs(), *run_calls("away", 40, NOW - 7 * MINUTE)])

    (found,) = swept(priced, tenant, NOW)

    assert found.dimensions == {"run": "refund-agent", "run_id": "away"}
    assert found.channel == "runaway_run"
    assert found.ended_at is None
    assert "40 calls where 12 are usual" in found.explanation
    assert found.evidence["amplification"] == round(40 / 12, 2)


def test_a_run_within_its_habits_says_nothing(priced: ClickHouse, insert: Any, tenant: str) -> None:
    insert(priced, [*earlier_runs(), *run_calls("fine", 30, NOW - 6 * MINUTE)])

    assert swept(priced, tenant, NOW) == []


def test_a_run_that_repeats_itself_is_a_loop_as_soon_as_it_passes_the_largest(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [*earlier_runs(), *run_calls("loop", 15, NOW - 6 * MINUTE, grows=0)])

    (found,) = swept(priced, tenant, NOW)

    assert found.channel == "loop"
    assert "only 1 of them different" in found.explanation


def test_a_runaway_run_of_a_model_without_a_price_is_told_at_an_unknown_cost(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [*earlier_runs(), *run_calls("away", 40, NOW - 7 * MINUTE, model="of-nobody")])

    found = {one.channel: one for one in swept(priced, tenant, NOW)}["runaway_run"]

    assert found.dollars_so_far is None
    assert found.explanation.endswith("40 calls where 12 are usual; at an unknown cost")


def test_the_first_runs_of_a_name_are_held_against_a_number(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    # Four times `runaway_calls_min`, which is 10 here.
    insert(priced, run_calls("first", 39, NOW - 7 * MINUTE))
    before = swept(priced, tenant, NOW)

    insert(priced, run_calls("second", 40, NOW - 7 * MINUTE))
    after = swept(priced, tenant, NOW)

    assert before == []
    assert [one.dimensions["run_id"] for one in after] == ["second"]


def test_a_runaway_run_grows_under_one_id_and_ends_when_it_is_idle(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [*earlier_runs(), *run_calls("away", 40, NOW - 7 * MINUTE)])
    (first,) = swept(priced, tenant, NOW)
    again = swept(priced, tenant, NOW)
    insert(priced, run_calls("away", 20, NOW, grows=7))

    (grown,) = swept(priced, tenant, NOW + 4 * MINUTE)
    (ended,) = swept(priced, tenant, NOW + 30 * MINUTE)

    assert again == []
    assert {first.id, grown.id, ended.id} == {first.id}
    assert grown.evidence["calls"] == 60
    assert first.dollars_so_far is not None
    assert grown.dollars_so_far is not None
    assert grown.dollars_so_far > first.dollars_so_far
    assert ended.ended_at == grown.updated_at


def test_runs_are_a_table_with_what_each_cost(priced: ClickHouse, insert: Any, tenant: str) -> None:
    insert(priced, run_calls("one", 3, NOW))
    insert(priced, run_calls("one", 2, NOW + MINUTE))

    statement = guarded("SELECT run, calls, different_calls, cost_usd FROM runs")
    ((run, calls, different, cost),) = priced.rows(
        statement, {"tenant": tenant}, dict(ENGINE_SETTINGS)
    )

    # gpt-5-mini: 0.25 dollars a million tokens in, 2 out: 3 calls with 1000 to 1002 tokens in and
    # 2 with 1000 and 1001, each 100 out.
    tokens_in = 1000 + 1001 + 1002 + 1000 + 1001
    expected = (tokens_in * Decimal("0.25") + 500 * Decimal(2)) / 1_000_000
    assert (run, calls, different) == ("refund-agent", 5, 3)
    assert cost == expected


def test_a_key_a_model_and_a_version_that_were_never_seen_are_told_once(
    priced: ClickHouse, tenant: str
) -> None:
    old = [row(tenant, NOW - 20 * DAY, 5), row(tenant, NOW - DAY * 2, 5)]
    leaked = row(tenant, NOW - 5 * MINUTE, 7, {"key": "key9"})
    swapped = row(tenant, NOW - 4 * MINUTE, 3, {"response_model": "gpt-5-mini-2026-11-17"})
    stored.store(priced, [*old, leaked, swapped])

    first = swept(priced, tenant, NOW)
    second = swept(priced, tenant, NOW + MINUTE)

    assert [(one.channel, dict(one.dimensions)) for one in first] == [
        ("first_seen", {"key": "key9"}),
        ("model_version", {"model": "gpt-5-mini", "response_model": "gpt-5-mini-2026-11-17"}),
    ]
    # Seven calls at 0.004 dollars.
    assert first[0].dollars_so_far == Decimal("0.028")
    assert second == []


def test_the_first_week_of_a_tenant_is_all_new_and_says_nothing(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(
        priced, [row(tenant, NOW - 2 * DAY, 5), row(tenant, NOW - MINUTE, 5, {"key": "b"})]
    )

    assert swept(priced, tenant, NOW) == []


def test_a_share_of_calls_without_a_price_that_rises_is_told_once_a_day(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    usual = [call("openai", "mystery", at=NOW - DAY * k, status_code=2) for k in range(2, 9)]
    unpriced = [call("openai", "mystery", 10, 10, at=NOW - 30 * MINUTE) for _ in range(30)]
    insert(priced, [*usual, *unpriced])

    found = swept(priced, tenant, NOW)
    again = swept(priced, tenant, NOW + timedelta(hours=1))

    share = [one for one in found if one.channel == "unpriced_share"]
    assert [one.dimensions for one in share] == [{"model": "mystery"}]
    assert "100% of calls have no known price" in share[0].explanation
    assert [one for one in again if one.channel == "unpriced_share"] == []
    assert replace(share[0], score=9.0).id == share[0].id
