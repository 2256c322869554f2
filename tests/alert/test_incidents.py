"""Incidents: one id through restarts and replays, a history that is never rewritten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import call

from tollbook_collector.alert import incident as steps
from tollbook_collector.alert.finding import Finding
from tollbook_collector.alert.incidents import Incidents, UnknownIncident
from tollbook_collector.alert.notice import Notice, budgets, silences, unbalanced, unpriced
from tollbook_collector.answer.incidents import history, incidents
from tollbook_collector.detect.budget_watch import BudgetWatch
from tollbook_collector.detect.budgets import Budget
from tollbook_collector.store.client import ClickHouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


def found(tenant: str, key: str = "a", **changes: Any) -> Finding:
    plain = Finding(
        tenant=tenant,
        kind="anomaly",
        key=key,
        severity="warning",
        title="spend of team search",
        explanation="Calls per run rose from 12 to 140.",
        started_at=NOW - timedelta(minutes=2),
        dimensions={"team": "search"},
        channel="spend",
        so_far_usd=Decimal(41),
        projected_usd=Decimal(610),
    )
    return replace(plain, **changes)


def shown(store: ClickHouse, tenant: str) -> list[dict[str, Any]]:
    return incidents(store, tenant, "all", suppressed=True)


def test_a_finding_told_again_by_a_collector_that_was_killed_is_the_same_incident(
    priced: ClickHouse, tenant: str
) -> None:
    Incidents(lambda: priced, lambda: NOW).tell([found(tenant)])
    (before,) = shown(priced, tenant)

    Incidents(lambda: priced, lambda: NOW + timedelta(seconds=30)).tell([found(tenant)])

    (after,) = shown(priced, tenant)
    assert after == before
    assert (after["status"], after["so_far_usd"], after["sequence"]) == ("open", Decimal(41), 1)


def test_dollars_that_grow_and_severity_that_rises_are_news(
    priced: ClickHouse, tenant: str
) -> None:
    clock = Clock()
    book = Incidents(lambda: priced, clock)
    book.tell([found(tenant)])

    clock.at += timedelta(minutes=1)
    book.tell([found(tenant, so_far_usd=Decimal(60))])  # too soon to write down again
    clock.at += timedelta(minutes=5)
    book.tell([found(tenant, so_far_usd=Decimal(80))])
    book.tell([found(tenant, so_far_usd=Decimal(81), severity="critical")])

    (one,) = shown(priced, tenant)
    events = [event["event"] for event in history(priced, tenant, one["incident"])]
    assert events == ["opened", "updated", "escalated"]
    assert (one["severity"], one["so_far_usd"]) == ("critical", Decimal(81))


def test_findings_about_the_same_calls_are_one_incident(priced: ClickHouse, tenant: str) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    first, second = found(tenant, "a"), found(tenant, "b", channel="requests")

    book.tell([first, second])
    book.tell([replace(first, ended_at=NOW), second])
    (going_on,) = shown(priced, tenant)
    book.tell([replace(first, ended_at=NOW), replace(second, ended_at=NOW)])

    assert going_on["status"] == "open"
    (over,) = shown(priced, tenant)
    assert over["status"] == "resolved"
    assert over["incident"] == going_on["incident"]
    assert sorted(over["sources"]) == ["anomaly:a", "anomaly:b"]


def test_a_part_is_told_with_the_whole_that_explains_it_and_alone_when_that_is_over(
    priced: ClickHouse, tenant: str
) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    part = found(tenant, "part", dimensions={"team": "search", "model": "gpt-4o"})
    whole = found(tenant, "whole", so_far_usd=Decimal(50))

    book.tell([part])
    book.tell([whole])
    by_source = {row["sources"][0]: row for row in shown(priced, tenant)}
    book.tell([replace(whole, ended_at=NOW)])

    assert by_source["anomaly:part"]["parent"] == by_source["anomaly:whole"]["incident"]
    assert len(incidents(priced, tenant)) == 1
    (part_now,) = incidents(priced, tenant)
    assert (part_now["event"], part_now["parent"]) == ("released", "")


def test_what_a_detector_says_is_a_part_is_told_with_its_whole_whatever_the_order(
    priced: ClickHouse, tenant: str
) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    whole = found(tenant, "whole", so_far_usd=Decimal(1))
    part = found(tenant, "part", dimensions={"model": "gpt-4o"}, part_of="anomaly:whole")

    book.tell([part, whole])

    by_source = {row["sources"][0]: row for row in shown(priced, tenant)}
    assert by_source["anomaly:part"]["parent"] == by_source["anomaly:whole"]["incident"]
    assert by_source["anomaly:whole"]["parent"] == ""


def test_a_whole_that_does_not_pay_for_a_part_does_not_hide_it(
    priced: ClickHouse, tenant: str
) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    dimensions = {"team": "search", "model": "gpt-4o"}

    book.tell([found(tenant, "whole", so_far_usd=Decimal(10))])
    book.tell([found(tenant, "part", dimensions=dimensions, so_far_usd=Decimal(40))])

    assert [row["parent"] for row in incidents(priced, tenant)] == ["", ""]


def test_people_take_note_snooze_judge_and_resolve(priced: ClickHouse, tenant: str) -> None:
    clock = Clock()
    book = Incidents(lambda: priced, clock)
    (opened,) = book.tell([found(tenant)])
    name = opened.incident

    book.act(tenant, name[:9], lambda i, now: steps.acknowledged(i, now, "mary", "looking"))
    until = NOW + timedelta(hours=1)
    book.act(tenant, name, lambda i, now: steps.snoozed(i, now, "mary", "", until))
    book.act(tenant, name, lambda i, now: steps.noted(i, now, "joe", "a loop in refunds"))
    clock.at = until
    book.tell([])
    book.act(tenant, name, lambda i, now: steps.judged(i, now, "joe", "", "real"))
    book.act(tenant, name, lambda i, now: steps.resolved(i, now, "joe", "rolled back"))
    book.tell([found(tenant)])  # it still goes on, but a person has ended it

    (one,) = shown(priced, tenant)
    assert (one["status"], one["owner"], one["feedback"]) == ("resolved", "mary", "real")
    assert one["snoozed_until"] is None
    said = [(e["event"], e["actor"], e["note"]) for e in history(priced, tenant, name)]
    assert said == [
        ("opened", "tollbook", ""),
        ("acknowledged", "mary", "looking"),
        ("snoozed", "mary", ""),
        ("noted", "joe", "a loop in refunds"),
        ("woken", "tollbook", ""),
        ("feedback", "joe", ""),
        ("resolved", "joe", "rolled back"),
    ]


@pytest.mark.parametrize(
    "step",
    [
        lambda i, now: steps.noted(i, now, "a", " "),
        lambda i, now: steps.noted(i, now, "a", "x" * 4001),
        lambda i, now: steps.judged(i, now, "a", "", "boring"),
        lambda i, now: steps.snoozed(i, now, "a", "", now),
    ],
)
def test_a_step_that_cannot_be_taken_changes_nothing(
    priced: ClickHouse, tenant: str, step: Any
) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    (opened,) = book.tell([found(tenant)])

    with pytest.raises(steps.WrongStep):
        book.act(tenant, opened.incident, step)

    assert shown(priced, tenant)[0]["sequence"] == 1


def test_another_tenants_incident_cannot_be_touched(priced: ClickHouse, tenant: str) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    (opened,) = book.tell([found(tenant)])

    with pytest.raises(UnknownIncident):
        book.act("somebody-else", opened.incident, lambda i, now: steps.noted(i, now, "a", "b"))
    with pytest.raises(UnknownIncident):
        book.act(tenant, "", lambda i, now: steps.noted(i, now, "a", "b"))


def test_a_budget_that_is_used_up_is_one_incident_that_gets_worse_and_ends(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    book = Incidents(lambda: priced, lambda: NOW)
    budget = Budget(name="a", tenant=tenant, usd=Decimal(10), hard=True)

    def spend(dollars: int) -> Finding:
        insert(
            priced, [call("openai", "gpt-4o", dollars * 400_000, 0, at=NOW - timedelta(hours=9))]
        )
        BudgetWatch(lambda: priced, lambda: [budget], lambda: NOW).watch()
        (finding,) = [one for one in budgets(priced, NOW) if one.tenant == tenant]
        book.tell([finding])
        return finding

    half, used_up = spend(6), spend(5)

    assert (half.severity, half.channel, half.title) == (
        "info",
        "threshold",
        "Budget a has crossed 50 %",
    )
    assert (used_up.severity, used_up.channel, used_up.so_far_usd) == ("critical", "exceeded", 1)
    (one,) = shown(priced, tenant)
    assert one["event"] == "escalated"
    assert one["evidence"].count('"spent_usd": "11.000000000000"') == 1
    book.tell([], ["budget"])
    assert shown(priced, tenant)[0]["status"] == "resolved"


def test_calls_without_a_price_are_noticed(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    insert(priced, [call("openai", "mystery", 10, 10, at=NOW)] * 3)

    (finding,) = [one for one in unpriced(priced, NOW) if one.tenant == tenant]

    assert finding.title == "mystery of openai has no known price"
    assert finding.evidence == {"calls": 3}


def test_data_that_stop_are_noticed_by_the_pauses_they_used_to_have(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    every_hour = [
        call("openai", "gpt-4o", 1, 1, at=NOW - timedelta(hours=hour)) for hour in range(3, 30)
    ]
    insert(priced, every_hour)

    def silent(at: datetime) -> list[Finding]:
        return [one for one in silences(priced, at) if one.tenant == tenant]

    assert silent(NOW - timedelta(hours=1, minutes=30)) == []  # one and a half pauses
    (finding,) = silent(NOW)  # three
    assert finding.started_at == NOW - timedelta(hours=3)
    assert finding.source == silent(NOW + timedelta(days=1))[0].source


def test_books_that_do_not_balance_are_noticed_once_their_hour_is_closed(
    priced: ClickHouse, tenant: str
) -> None:
    hour = NOW - timedelta(hours=3)
    priced.insert(
        "accounts",
        ["tenant", "key", "signal", "hour", "fate", "items"],
        [[tenant, "key1", "traces", hour, "accepted", 7]],
    )

    def missing(at: datetime) -> list[Finding]:
        return [one for one in unbalanced(priced, at) if one.tenant == tenant]

    assert missing(hour + timedelta(minutes=70)) == []
    (finding,) = missing(NOW)
    assert finding.evidence == {"signal": "traces", "missing": 7}


def test_anomalies_of_the_detectors_become_incidents_and_a_second_look_changes_nothing(
    emptied: ClickHouse,
) -> None:
    columns = [
        "tenant", "id", "series", "tier", "channel", "started_at", "detected_at", "updated_at",
        "ended_at", "score", "so_far_usd", "projected_usd", "explanation", "evidence", "version",
    ]  # fmt: skip
    at = NOW - timedelta(minutes=2)
    values = ["t", "f00", {"team": "search"}, "minute", "calls_per_run", at, NOW, NOW, None, 5.0]
    values += [Decimal(41), Decimal(1610), "Calls per run rose.", '{"calls": 140}']
    emptied.insert("anomaly_versions", columns, [[*values, int(NOW.timestamp() * 1e9)]])
    notice = Notice(lambda: emptied, Incidents(lambda: emptied, lambda: NOW), now=lambda: NOW)

    notice.look()
    notice.look()

    (one,) = shown(emptied, "t")
    assert (one["severity"], one["title"]) == ("critical", "calls per run of team search")
    assert (one["sequence"], one["so_far_usd"]) == (1, Decimal(41))


def test_a_fault_of_the_collector_is_an_incident_until_it_is_gone(emptied: ClickHouse) -> None:
    faults = ["the store does not take traces: code 241"]
    notice = Notice(
        lambda: emptied,
        Incidents(lambda: emptied, lambda: NOW),
        faults=lambda: faults,
        now=lambda: NOW,
    )

    notice.look()
    (broken,) = shown(emptied, "default")
    faults.clear()
    notice.look()

    assert (broken["kind"], broken["severity"]) == ("collector", "critical")
    assert shown(emptied, "default")[0]["status"] == "resolved"
