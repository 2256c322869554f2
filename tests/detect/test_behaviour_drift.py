"""Drift of behaviour from the tables: what is told of a day, and the report of two periods."""

from datetime import timedelta
from typing import Any

from detect.stored import NOW

from tollbook_collector.detect.behaviour import windows_by_day
from tollbook_collector.detect.drift_report import Period, report
from tollbook_collector.detect.drift_watch import drifts
from tollbook_collector.detect.sequential import ALPHA, ranks, wealth
from tollbook_collector.detect.series import day_of
from tollbook_collector.store.client import ClickHouse

MIDNIGHT = day_of(NOW)
COLUMNS = (
    "tenant",
    "hour",
    "service",
    "environment",
    "model",
    "team",
    "feature",
    "calls",
    "latencies",
    "first_chunks",
    "inputs",
    "outputs",
    "finish_reasons",
    "response_models",
    "tools",
)


def histogram(center: int, calls: int) -> dict[int, int]:
    """Return calls spread over seven bins around one."""
    weights = (1, 3, 6, 8, 6, 3, 1)
    return {center - 3 + k: calls * weight // 28 for k, weight in enumerate(weights)}


def day_row(tenant: str, back: int, **changed: Any) -> list[Any]:
    """Return the calls of a day so many days before midnight."""
    calls = 2_800 + 56 * (back % 5)
    values = {
        "latencies": histogram(50 + back % 2, calls),
        "first_chunks": {},
        "inputs": histogram(52, calls),
        "outputs": histogram(40 + back % 2, calls),
        "finish_reasons": {"stop": calls - 28 * (1 + back % 3), "length": 28 * (1 + back % 3)},
        "response_models": {"m-2026-01": calls},
        "tools": {"search": 300, "fetch": 100 + 10 * (back % 3)},
        **changed,
    }
    at = MIDNIGHT - timedelta(days=back) + timedelta(hours=9)
    return [tenant, at, "shop", "", "m", "search", "", calls, *(values[n] for n in COLUMNS[8:])]


def store(clickhouse: ClickHouse, rows: list[list[Any]]) -> None:
    clickhouse.insert("behaviour_hourly", COLUMNS, rows)


def test_weeks_that_are_alike_do_not_drift(priced: ClickHouse, tenant: str) -> None:
    store(priced, [day_row(tenant, back) for back in range(1, 22)])

    assert drifts(priced, tenant, MIDNIGHT) == []


def test_answers_that_grew_longer_and_a_silent_model_version_are_told(
    priced: ClickHouse, tenant: str
) -> None:
    changed = day_row(
        tenant,
        1,
        outputs=histogram(46, 2_800),
        response_models={"m-2026-01": 1_400, "m-2026-11": 1_400},
    )
    store(priced, [changed, *(day_row(tenant, back) for back in range(2, 22))])

    found = {one.channel: one for one in drifts(priced, tenant, MIDNIGHT)}

    assert set(found) == {"drift_output_tokens", "drift_response_model"}
    assert "never seen before: m-2026-11" in found["drift_response_model"].explanation
    # Bin 46 begins at 2^(46/5) tokens, 588.
    assert "tokens" in found["drift_output_tokens"].explanation
    assert found["drift_output_tokens"].evidence["median_after"] > 550


def test_refused_answers_that_rise_from_one_in_a_hundred_to_six_are_told(
    priced: ClickHouse, tenant: str
) -> None:
    def answers(refused: int) -> dict[str, int]:
        return {"stop": 2_800 - refused, "SAFETY": refused}

    changed = day_row(tenant, 1, finish_reasons=answers(168))
    before = [day_row(tenant, back, finish_reasons=answers(28)) for back in range(2, 22)]
    store(priced, [changed, *before])

    found = {one.channel: one for one in drifts(priced, tenant, MIDNIGHT)}
    day_before = drifts(priced, tenant, MIDNIGHT - timedelta(days=1))

    assert "rose to 6.0%; at most 1.0%" in found["drift_refusals"].explanation
    assert day_before == []


def test_prompts_that_grow_a_little_each_day_are_told_by_the_bet(
    priced: ClickHouse, tenant: str
) -> None:
    growing = [
        day_row(tenant, back, inputs={52: 1_400 - 60 * (22 - back), 53: 1_400 + 60 * (22 - back)})
        for back in range(1, 22)
    ]
    store(priced, growing)

    channels = {one.channel: one for one in drifts(priced, tenant, MIDNIGHT)}

    assert "drift_input_tokens" in channels
    assert channels["drift_input_tokens"].evidence["bet"] >= 1 / ALPHA


def test_a_bet_on_days_without_change_stays_small() -> None:
    # A fixed shuffle of 80 different days: their ranks are those of days without order.
    days = [float((k * 37) % 83) for k in range(80)]

    assert wealth(ranks(days, 7)) < 1 / ALPHA


def test_the_report_shows_both_periods_and_escapes_what_callers_named(
    priced: ClickHouse, tenant: str
) -> None:
    rows = [day_row(tenant, back) for back in range(1, 11)]
    rows[0][4] = "<script>alert(1)</script>"
    store(priced, rows)
    middle = MIDNIGHT - timedelta(days=5)
    baseline = windows_by_day(priced, tenant, "model", MIDNIGHT - timedelta(days=10), middle)
    current = windows_by_day(priced, tenant, "model", middle, MIDNIGHT)

    page = report(
        "models",
        (Period(middle.date(), middle.date()), Period(middle.date(), MIDNIGHT.date())),
        baseline,
        current,
    )

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 3
    assert "m-2026-01" in page
