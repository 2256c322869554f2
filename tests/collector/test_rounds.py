"""Rounds over many: what fails for one tenant, budget, hour or message ends no other's part."""

import base64
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import Insert
from detect.stored import row, store, traffic
from otlp_requests import NOON, Span, call
from receiver import receiver

from tollbook_collector.alert import notice, outbox
from tollbook_collector.alert.deliver import Deliver
from tollbook_collector.alert.finding import Finding, Kind
from tollbook_collector.alert.incident import Incident
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.alert.notice import Notice
from tollbook_collector.alert.plan import Plan
from tollbook_collector.alert.routes import Route
from tollbook_collector.alert.webhooks import Webhook
from tollbook_collector.answer.alerts import alerts
from tollbook_collector.answer.budgets import budgets
from tollbook_collector.answer.incidents import incidents
from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.budget_watch import BudgetWatch
from tollbook_collector.detect.budgets import Budget
from tollbook_collector.detect.find import Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.duties import Duties, Duty, SomeFailed, each_alone
from tollbook_collector.money.copies import APART_MAX
from tollbook_collector.money.copies import search as search_copies
from tollbook_collector.money.savings import Savings
from tollbook_collector.store.client import ClickHouse, StoreUnavailable

TIMEOUT_S = 60
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Where no other test has calls, as a round of the finder looks at every tenant.
LATER = datetime(2027, 6, 16, 14, tzinfo=UTC)


class FailsAt:
    """A store that fails where a value is among the parameters."""

    def __init__(self, clickhouse: ClickHouse, value: object) -> None:
        self._clickhouse = clickhouse
        self._value = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clickhouse, name)

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *more: Any
    ) -> Sequence[Sequence[Any]]:
        self._look(parameters)
        return self._clickhouse.rows(statement, parameters, *more)

    def command(
        self, statement: str, parameters: Mapping[str, Any] | None = None, *more: Any
    ) -> None:
        self._look(parameters)
        self._clickhouse.command(statement, parameters, *more)

    def _look(self, parameters: Mapping[str, Any] | None) -> None:
        if self._value in (parameters or {}).values():
            raise IndexError(f"no luck with {self._value}")


def test_all_are_done_and_those_that_failed_are_named() -> None:
    done = []

    def do(number: int) -> None:
        done.append(10 // number)

    with pytest.raises(SomeFailed, match=r"1 of 3 failed: 0: ZeroDivisionError: .*zero") as failed:
        each_alone([5, 0, 2], do)

    assert done == [2, 5]
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_a_store_that_is_away_is_not_asked_for_the_others() -> None:
    asked = []

    def do(number: int) -> None:
        asked.append(number)
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        each_alone([1, 2, 3], do)

    assert asked == [1]


def test_a_duty_that_fails_again_and_again_is_told_and_a_store_that_is_away_is_not() -> None:
    enough = threading.Event()
    rounds = []

    def fail() -> None:
        rounds.append(1)
        if len(rounds) > 5:
            enough.set()
        raise StoreUnavailable("away") if len(rounds) % 2 else ValueError("no luck")

    duties = Duties([Duty("try luck", 0.0, fail), Duty("rest", 1000.0, lambda: None)])
    duties.start()
    assert enough.wait(TIMEOUT_S)
    duties.stop()

    (trouble,) = duties.troubles()
    assert trouble.startswith("try luck fails: ")


def test_a_fault_in_the_detection_of_a_tenant_ends_not_that_of_the_next(
    priced: ClickHouse, tenant: str
) -> None:
    # Tenants are looked at by name.
    broken, behind = f"{tenant}-a", f"{tenant}-b"
    for name in (broken, behind):
        store(priced, traffic(name, LATER - timedelta(days=10), LATER))
        store(priced, [row(name, LATER + timedelta(minutes=1), 2_000)])
    told: list[Anomaly] = []

    class Told:
        report = told.append

    finder = Finder(
        lambda: FailsAt(priced, broken),
        lambda: DetectSection(series=()),
        Findings,
        [Told()],
        lambda: LATER + timedelta(minutes=2),
    )

    with pytest.raises(SomeFailed, match=f"1 of 2 failed: {broken}: .*IndexError: no luck"):
        finder.run()

    assert {one.tenant for one in told} == {behind}


def test_a_budget_that_cannot_be_measured_stands_as_it_stood_and_the_others_are_measured(
    priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    broken = f"{tenant}-a"
    allowed = [Budget(name="b", tenant=name, usd=Decimal(5)) for name in (broken, tenant)]
    BudgetWatch(lambda: priced, lambda: allowed, lambda: NOW).watch()
    insert(priced, [call("openai", "gpt-4o", 400_000, 0, at=NOW)])
    watch = BudgetWatch(lambda: FailsAt(priced, broken), lambda: allowed, lambda: NOW)

    with pytest.raises(SomeFailed, match=f"1 of 2 failed: {broken}/b: IndexError"):
        watch.watch()

    assert [row["spent_usd"] for row in budgets(priced, tenant, NOW)] == [Decimal(1)]
    assert [row["spent_usd"] for row in budgets(priced, broken, NOW)] == [Decimal(0)]


def test_a_source_that_cannot_be_looked_at_hides_no_other_and_ends_no_incident(
    emptied: ClickHouse, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Incidents(lambda: emptied, lambda: NOW)
    of_a_budget = found(tenant, kind="budget")
    book.tell([of_a_budget])

    def fail(*_: object) -> list[Finding]:
        raise ArithmeticError("no luck")

    monkeypatch.setattr(notice, "budgets", fail)
    looking = Notice(lambda: emptied, book, lambda: ["the disk is full"], lambda: NOW)

    with pytest.raises(SomeFailed, match=r"1 of 5 failed: budget: ArithmeticError"):
        looking.look()

    (standing,) = incidents(emptied, tenant, "all")
    (fault,) = incidents(emptied, "default", "all")
    assert standing["status"] == "open"
    assert fault["explanation"] == "the disk is full"


def test_an_anomaly_that_cannot_be_read_keeps_no_other_away(
    emptied: ClickHouse, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        Findings(emptied).report(anomaly(f"{tenant}-{name}"))
    read = notice._anomaly

    def misread(values: Sequence[Any]) -> Finding:
        if values[0].endswith("-a"):
            raise KeyError("no luck")
        return read(values)

    monkeypatch.setattr(notice, "_anomaly", misread)
    looking = Notice(lambda: emptied, Incidents(lambda: emptied, lambda: NOW), now=lambda: NOW)

    with pytest.raises(SomeFailed, match=r"1 of 2 failed"):
        looking.look()
    looking.look()

    assert len(incidents(emptied, f"{tenant}-b", "all")) == 1


def test_an_incident_that_cannot_be_decided_on_holds_no_other_back(
    emptied: ClickHouse, tenant: str
) -> None:
    Incidents(lambda: emptied, lambda: NOW).tell(
        [found(f"{tenant}-a"), found(f"{tenant}-b", key="b")]
    )

    class Picky(Route):
        def takes(self, incident: Incident, event: str) -> bool:
            if incident.tenant.endswith("-a"):
                raise LookupError("no luck")
            return True

    plan = Plan(lambda: emptied, lambda: [Picky(name="all", to=("ops",))], lambda: NOW)

    with pytest.raises(SomeFailed, match=f"of {tenant}-a: LookupError: no luck"):
        plan.plan()

    assert [row["state"] for row in alerts(emptied, f"{tenant}-b")] == ["waiting"]
    assert alerts(emptied, f"{tenant}-a") == []


def test_a_message_that_cannot_be_sent_holds_no_other_back(
    emptied: ClickHouse, tenant: str, tmp_path: Path
) -> None:
    with receiver() as receiving:
        secret = tmp_path / "secret"
        secret.write_text("whsec_" + base64.b64encode(b"s" * 32).decode())
        secrets = (f"file:{secret}",)
        hook = Webhook(name="ops", url=receiving.url, secrets=secrets, networks=("127.0.0.0/8",))
        Incidents(lambda: emptied, lambda: NOW).tell([found(tenant)])
        Plan(lambda: emptied, lambda: [Route(name="all", to=("ops",))], lambda: NOW).plan()
        (good,) = outbox.read(emptied, "queries/alerts_due")
        bad = replace(good, message="msg_0", content="{", next_at=NOW - timedelta(hours=1))
        outbox.write(emptied, [bad])
        sending = Deliver(lambda: emptied, lambda: [hook], now=lambda: NOW)

        sending.deliver()
        sending.wait(TIMEOUT_S)

        assert receiving.ids == [good.message]
        (trouble,) = sending.troubles()
        assert "1 of 2 failed: msg_0: JSONDecodeError" in trouble
        sending.close()


def test_an_hour_that_cannot_be_searched_for_copies_holds_no_other_back(
    priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    hours = [NOON.replace(minute=30) - timedelta(days=2, hours=n) for n in (3, 2, 1)]
    for hour in hours:
        insert(priced, [seen(name, hour) for name in ("sdk", "gateway")])
    until = hours[1].replace(minute=0) + timedelta(hours=1) + APART_MAX

    with pytest.raises(SomeFailed, match=r"1 of \d+ failed"):
        search_copies(FailsAt(priced, f"{until:%Y-%m-%d %H:%M:%S}"))

    copies = "SELECT count() FROM calls WHERE tenant = {tenant:String} AND NOT billable"
    assert priced.rows(copies, {"tenant": tenant}) == [(2,)]


def test_a_tenant_whose_savings_cannot_be_searched_holds_no_other_back(
    priced: ClickHouse, tenant: str
) -> None:
    searched: list[str] = []

    class OfTwo(FailsAt):
        def rows(self, *_: object) -> Sequence[Sequence[Any]]:
            return [(f"{tenant}-a",), (f"{tenant}-b",)]

        def command(self, statement: str, parameters: Any = None, *more: Any) -> None:
            super().command(statement, parameters, *more)
            searched.append(parameters["tenant"])

    with pytest.raises(SomeFailed, match=f"1 of 2 failed: {tenant}-a: IndexError"):
        Savings(lambda: OfTwo(priced, f"{tenant}-a")).search()

    assert set(searched) == {f"{tenant}-b"}


def found(tenant: str, key: str = "a", kind: Kind = "anomaly") -> Finding:
    """Return what a detector has found of team search."""
    return Finding(
        tenant=tenant,
        kind=kind,
        key=key,
        severity="warning",
        title="spend of team search",
        explanation="",
        started_at=NOW - timedelta(minutes=2),
        dimensions={"team": "search"},
        channel="spend",
    )


def anomaly(tenant: str) -> Anomaly:
    """Return what goes on of team search."""
    return Anomaly(
        tenant=tenant,
        dimensions={"team": "search"},
        tier="hour",
        channel="spend",
        started_at=NOW - timedelta(hours=2),
        detected_at=NOW - timedelta(hours=1),
        score=4.0,
        dollars_so_far=Decimal(5),
        dollars_projected=None,
        explanation="",
        updated_at=NOW - timedelta(hours=1),
    )


def seen(name: str, at: datetime) -> Span:
    """Return one response as one of two instrumentations saw it."""
    attributes = call("openai", "gpt-4o", 1_000, 100).attributes
    attributes = {**attributes, "gen_ai.response.id": f"chatcmpl-{at:%d%H}-9fK2mQ7bXz1L"}
    return Span(attributes, name=name, span_id=name.encode().ljust(8, b".")[:8], scope=name, at=at)
