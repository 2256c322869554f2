"""Anomalies found in the tables of series: what is told, when, and what is not."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from detect import stored
from detect.stored import NOW, row, traffic

from tollbook_collector.alert.incident import judged
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.alert.notice import Notice
from tollbook_collector.answer.incidents import incidents as shown
from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.decompose import QUANTUM
from tollbook_collector.detect.find import Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.known import give_feedback
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.store.client import ClickHouse

SERIES = DetectSection(series=(("team",),))
HOUR = timedelta(hours=1)


class Told:
    """Remembers what was reported."""

    def __init__(self) -> None:
        self.anomalies: list[Anomaly] = []

    def report(self, anomaly: Anomaly) -> None:
        self.anomalies.append(anomaly)


def look(clickhouse: ClickHouse, tenant: str, now: datetime) -> list[Anomaly]:
    """Return what a collector that has just started tells of a tenant."""
    told = Told()
    Finder(lambda: clickhouse, lambda: SERIES, Findings, [told], lambda: now).run_for(tenant)
    return told.anomalies


def both_teams(tenant: str, ends_at: datetime = NOW) -> list[list[object]]:
    sales = {"team": "sales", "model": "claude-sonnet-5-5", "response_model": "claude-sonnet-5-5"}
    return [
        *traffic(tenant, ends_at=ends_at),
        *traffic(tenant, ends_at=ends_at, dimensions=sales, share=0.5),
    ]


def loop(tenant: str, begins_at: datetime, hours: int) -> list[list[object]]:
    """Return a loop: 600 more calls each ten minutes."""
    return [row(tenant, begins_at + timedelta(minutes=10 * k), 600) for k in range(6 * hours)]


def test_ordinary_weeks_say_nothing(priced: ClickHouse, tenant: str) -> None:
    stored.store(priced, both_teams(tenant))

    assert look(priced, tenant, NOW + timedelta(minutes=3)) == []


def test_a_loop_is_told_within_two_minutes_of_data_as_one_anomaly(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, both_teams(tenant))
    stored.store(priced, [row(tenant, NOW + timedelta(minutes=1), 2_000)])

    told = look(priced, tenant, NOW + timedelta(minutes=2))

    assert [(one.dimensions, one.tier) for one in told] == [({"team": "search"}, "minute")]
    assert told[0].started_at == NOW
    assert told[0].channel in ("requests", "requests_count", "spend", "spend_dollars")
    assert told[0].dollars_so_far is not None
    # 2,000 calls at 0.004 dollars are 8; the ordinary ten minutes would have cost about 0.16.
    assert Decimal(7) < told[0].dollars_so_far < Decimal(8)


def test_a_round_after_a_crash_tells_the_same_ids_and_nothing_else(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, [*both_teams(tenant), *loop(tenant, NOW - 3 * HOUR, 3)])
    first = look(priced, tenant, NOW + timedelta(minutes=3))

    again = look(priced, tenant, NOW + timedelta(minutes=3))

    assert first
    assert {one.id for one in again} == {one.id for one in first}


def test_an_anomaly_keeps_its_id_while_it_goes_on_and_then_ends(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, [*both_teams(tenant, NOW + 12 * HOUR), *loop(tenant, NOW - 2 * HOUR, 4)])
    during = [one for one in look(priced, tenant, NOW) if one.tier == "hour"]

    after = [one for one in look(priced, tenant, NOW + 12 * HOUR) if one.tier == "hour"]

    assert [one.ended_at for one in during] == [None]
    assert {one.id for one in after} == {during[0].id}
    assert after[-1].ended_at is not None
    assert after[-1].ended_at >= NOW + 2 * HOUR


def test_the_excess_is_not_learned_so_the_same_loop_a_week_later_is_told_again(
    priced: ClickHouse, tenant: str
) -> None:
    week = timedelta(days=7)
    stored.store(priced, [*both_teams(tenant), *loop(tenant, NOW - week - 4 * HOUR, 4)])
    first = look(priced, tenant, NOW - week)

    stored.store(priced, loop(tenant, NOW - 4 * HOUR, 4))
    second = look(priced, tenant, NOW)

    assert {one.tier for one in first} >= {"hour"}
    assert {one.id for one in second} - {one.id for one in first}


def test_what_a_person_calls_expected_is_not_told_when_it_comes_back_a_week_later(
    priced: ClickHouse, tenant: str
) -> None:
    week = timedelta(days=7)
    stored.store(priced, [*both_teams(tenant), *loop(tenant, NOW - week - 4 * HOUR, 4)])
    first = look(priced, tenant, NOW - week)
    for one in first:
        give_feedback(priced, tenant, one.id, "expected", "ana", "the weekly index")

    stored.store(priced, loop(tenant, NOW - 4 * HOUR, 4))
    second = look(priced, tenant, NOW)

    assert first
    assert {one.id for one in second} <= {one.id for one in first}


def test_what_a_person_says_of_the_incident_changes_what_is_told_next(
    priced: ClickHouse, tenant: str
) -> None:
    week = timedelta(days=7)
    stored.store(priced, [*both_teams(tenant), *loop(tenant, NOW - week - 4 * HOUR, 4)])
    first = look(priced, tenant, NOW - week)
    book = Incidents(lambda: priced)
    Notice(lambda: priced, book).look()
    incidents = [row["incident"] for row in shown(priced, tenant)]
    for incident in incidents:
        book.act(tenant, incident, lambda i, now: judged(i, now, "ana", "weekly", "expected"))

    stored.store(priced, loop(tenant, NOW - 4 * HOUR, 4))
    second = look(priced, tenant, NOW)

    assert first
    assert incidents
    assert [one for one in second if one.id not in {other.id for other in first}] == []


def test_a_day_without_any_data_is_no_silence_of_a_series_and_its_backlog_no_storm(
    priced: ClickHouse, tenant: str
) -> None:
    rows = both_teams(tenant)
    away_from, away_until = NOW - 25 * HOUR, NOW - HOUR
    there = [one for one in rows if not away_from <= one[1] < away_until]  # type: ignore[operator]
    stored.store(priced, there)
    before = look(priced, tenant, NOW)

    late = [one for one in rows if away_from <= one[1] < away_until]  # type: ignore[operator]
    stored.store(priced, late)
    after = look(priced, tenant, NOW + timedelta(minutes=3))

    assert before == []
    assert after == []


def test_a_team_that_falls_silent_while_others_call_is_told(
    priced: ClickHouse, tenant: str
) -> None:
    sales = [one for one in both_teams(tenant) if "sales" in one]
    search = traffic(tenant, ends_at=NOW - 5 * HOUR)
    stored.store(priced, [*sales, *search])

    told = look(priced, tenant, NOW)

    silent = [one for one in told if one.dimensions.get("team") == "search"]
    assert silent
    assert silent[0].channel in ("gap", "silence", "requests_missing")
    assert "where" in silent[0].explanation


@pytest.mark.parametrize("factor", ["1.5", "3"])
def test_a_dearer_price_is_told_with_its_dollars_split_exactly(
    priced: ClickHouse, tenant: str, factor: str
) -> None:
    changed_at = NOW - 6 * HOUR
    rows = [one for one in both_teams(tenant) if not (one[1] >= changed_at and "search" in one)]  # type: ignore[operator]
    at = changed_at
    while at < NOW:
        rows.append(row(tenant, at, stored.usual_calls(at), price=Decimal(factor)))
        at += timedelta(minutes=10)
    stored.store(priced, rows)

    told = [one for one in look(priced, tenant, NOW) if one.tier == "hour"]

    one = told[0]
    parts = one.evidence["decomposition_usd"]
    assert one.channel in ("price", "spend_per_request", "spend")
    assert sum(parts.values()) == one.evidence["delta_usd"]
    # The mean of the same hours of the four weeks before, at 0.004 dollars a call.
    slots = int((one.ended_at or one.updated_at).timestamp() - one.started_at.timestamp()) // 600
    usual = [
        stored.usual_calls(one.started_at + timedelta(minutes=10 * slot) - timedelta(weeks=week))
        for slot in range(slots)
        for week in range(1, 5)
    ]
    assert one.evidence["before_usd"] == (sum(usual) * stored.CALL_USD / 4).quantize(QUANTUM)
    assert max(parts, key=parts.__getitem__) == "unit_price"
    assert "the price of a token rose" in one.explanation


def test_a_team_of_four_days_is_held_against_its_share_of_all(
    priced: ClickHouse, tenant: str
) -> None:
    began_at = NOW - timedelta(days=4)
    new = {"team": "new"}
    young = traffic(tenant, begins_at=began_at, dimensions=new, share=0.25)
    stored.store(priced, [*both_teams(tenant), *young])
    before = look(priced, tenant, NOW)

    calls = [row(tenant, NOW + timedelta(minutes=10 * k), 900, new) for k in range(6)]
    stored.store(priced, [*both_teams(tenant, NOW + HOUR)[-12:], *calls])
    told = look(priced, tenant, NOW + HOUR + timedelta(minutes=3))

    assert [one.channel for one in before if one.tier != "minute"] == []
    assert {"team": "new"} in [one.dimensions for one in told if one.channel != "first_seen"]


def test_a_tenant_that_is_a_day_old_says_nothing_of_its_own_habits(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, traffic(tenant, begins_at=NOW - 24 * HOUR))

    assert look(priced, tenant, NOW) == []


@pytest.mark.parametrize("after_s", [1, 61, 121, 600])
def test_the_first_calls_of_a_tenant_are_no_fault(
    priced: ClickHouse, tenant: str, after_s: int
) -> None:
    stored.store(priced, [row(tenant, NOW + timedelta(seconds=after_s - after_s % 60), 3)])

    assert look(priced, tenant, NOW + timedelta(seconds=after_s)) == []


def test_nothing_is_looked_at_where_detection_is_off(priced: ClickHouse, tenant: str) -> None:
    stored.store(priced, [*both_teams(tenant), *loop(tenant, NOW - 3 * HOUR, 3)])
    told = Told()

    Finder(
        lambda: priced, lambda: DetectSection(enabled=False), Findings, [told], lambda: NOW
    ).run()

    assert told.anomalies == []
