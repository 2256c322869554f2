"""Leases of hard budgets, and switches: what programs are told, and that it is never too much."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tollbook_collector.answer import limits as limits_module
from tollbook_collector.answer.limit_claims import Claims
from tollbook_collector.answer.limits import LEASE_S, Asking, Kills, Lender, Used, add_limits
from tollbook_collector.answer.tenant import tenant_of, tenant_of_sender
from tollbook_collector.detect.budget_watch import BudgetWatch
from tollbook_collector.detect.budgets import Budget
from tollbook_collector.policy import Policy, UnreadablePolicy
from tollbook_collector.store.client import ClickHouse, StoreUnavailable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def row(remaining: str, limit: str = "100") -> dict[str, Any]:
    return {
        "budget": "month",
        "dimension": "",
        "value": "",
        "chosen": {},
        "limit_usd": Decimal(limit),
        "remaining_usd": Decimal(remaining),
        "period_ends_at": NOW + timedelta(days=9),
        "measured_at": NOW,
    }


def lease(lender: Lender, program: str, remaining: str, used: str = "0", at: datetime = NOW) -> Any:
    asking = Asking(program=program, used=[Used(name="month", used_usd=Decimal(used))])
    (said,) = lender.lend("t", asking, [row(remaining)], at)
    return Decimal(said["lease_usd"])


def test_a_lease_is_a_part_of_what_nobody_has() -> None:
    lender = Lender()

    assert lease(lender, "a", "100") == Decimal(25)
    assert lease(lender, "b", "100") == Decimal("18.75")  # a quarter of 75
    assert lease(lender, "a", "100") == Decimal("20.3125")  # a's own came back: of 81.25


def test_what_was_used_counts_until_it_is_measured_and_a_lost_lease_counts_whole() -> None:
    lender = Lender()
    lease(lender, "a", "100")
    lease(lender, "b", "100")

    later = NOW + timedelta(seconds=LEASE_S + 1)
    assert lease(lender, "c", "100", at=later) == (100 - 25 - Decimal("18.75")) / 4
    much_later = later + timedelta(seconds=LEASE_S + 121)
    assert lease(lender, "d", "100", at=much_later) == Decimal(25)


def test_a_small_rest_is_lent_whole_and_an_empty_budget_lends_nothing() -> None:
    assert lease(Lender(), "a", "0.9") == Decimal("0.9")  # less than a hundredth of the limit
    assert lease(Lender(), "a", "-3") == 0


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abcde"), st.integers(0, 100), st.integers(0, 40)), max_size=60
    )
)
def test_programs_together_never_get_more_than_is_left(steps: list[tuple[str, int, int]]) -> None:
    lender, now = Lender(), NOW
    remaining, spent = Decimal(100), Decimal(0)
    held: dict[str, Decimal] = {}
    expires: dict[str, datetime] = {}
    pending: list[tuple[datetime, Decimal]] = []  # spent, and measured 60 s later
    for program, percent, seconds in steps:
        now += timedelta(seconds=seconds)
        measured = sum(
            (usd for at, usd in pending if at + timedelta(seconds=60) <= now), Decimal(0)
        )
        live = held.get(program, Decimal(0)) if expires.get(program, NOW) > now else Decimal(0)
        used = (live * percent / 100).quantize(Decimal("0.000001"))
        spent += used
        pending.append((now, used))
        held[program] = lease(lender, program, str(remaining - measured), str(used), now)
        expires[program] = now + timedelta(seconds=LEASE_S)

        living = sum((usd for who, usd in held.items() if expires[who] > now), Decimal(0))
        assert spent + living <= remaining


@settings(max_examples=8, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("abcdef"), st.integers(0, 100)),
        min_size=4,
        max_size=12,
    )
)
def test_collectors_side_by_side_together_never_lend_more_than_is_left(
    priced: ClickHouse, steps: list[tuple[int, str, int]]
) -> None:
    tenant = uuid.uuid4().hex
    collectors = [Lender(Claims(lambda: priced)) for _ in range(3)]
    held: dict[str, Decimal] = {}
    spent = Decimal(0)

    for number, program, percent in steps:
        used = (held.get(program, Decimal(0)) * percent / 100).quantize(Decimal("0.000001"))
        spent += used
        asking = Asking(program=program, used=[Used(name="month", used_usd=used)])
        (said,) = collectors[number].lend(tenant, asking, [row("100")], NOW)
        held[program] = Decimal(said["lease_usd"])

        assert spent + sum(held.values()) <= 100

    assert any(held.values())


def test_collectors_that_lend_at_the_same_time_together_never_lend_more_than_is_left(
    priced: ClickHouse, tenant: str
) -> None:
    collectors = [Lender(Claims(lambda: priced)) for _ in range(4)]
    begin = Barrier(len(collectors))
    lent: list[Decimal] = []

    def serve(lender: Lender, name: str) -> None:
        begin.wait(30)
        for number in range(4):
            asking = Asking(program=f"{name}-{number}")
            (said,) = lender.lend(tenant, asking, [row("100")], NOW)
            lent.append(Decimal(said["lease_usd"]))

    threads = [
        Thread(target=serve, args=(lender, f"c{number}"))
        for number, lender in enumerate(collectors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lent) == 16
    assert sum(lent) <= 100


def test_a_collector_that_starts_anew_does_not_lend_again_what_was_lent(
    priced: ClickHouse, tenant: str
) -> None:
    def lend(lender: Lender, program: str) -> Decimal:
        (said,) = lender.lend(tenant, Asking(program=program), [row("100")], NOW)
        return Decimal(said["lease_usd"])

    first = lend(Lender(Claims(lambda: priced)), "a")
    after_it = lend(Lender(Claims(lambda: priced)), "b")

    assert first == 25
    assert after_it == Decimal("12.5")  # a quarter of 50: the first one took two leases' worth


def test_nothing_is_lent_that_the_other_collectors_cannot_know_of() -> None:
    def away() -> ClickHouse:
        raise StoreUnavailable("away")

    lender = Lender(Claims(away))

    with pytest.raises(StoreUnavailable):
        lender.lend("t", Asking(program="a"), [row("100")], NOW)


KILLS = """
[[kills]]
name = "stop-search"
where = { team = "search", model = ["gpt-4o"] }
reason = "incident 12"

[[kills]]
name = "over"
until = 2026-01-01T00:00:00Z
"""


@pytest.fixture
def client(priced: ClickHouse, tenant: str, tmp_path: Path) -> TestClient:
    path = tmp_path / "tollbook.toml"
    path.write_text(KILLS.replace("[[kills]]", f'[[kills]]\ntenant = "{tenant}"'))
    policy = Policy(path, {"kills": Kills})
    api = FastAPI()
    collector: Any = SimpleNamespace(store=priced, ledger=priced, policy=policy)
    api.dependency_overrides[tenant_of] = lambda: tenant
    api.dependency_overrides[tenant_of_sender] = lambda: tenant
    add_limits(api, collector)
    return TestClient(api)


def test_the_routes_tell_budgets_with_their_leases_and_the_switches_in_force(
    client: TestClient, priced: ClickHouse, tenant: str
) -> None:
    budget = Budget(
        name="team", tenant=tenant, usd=Decimal(8), hard=True, where={"team": ("search",)}
    )
    BudgetWatch(lambda: priced, lambda: [budget]).watch()

    shown = client.get("/v1/limits").json()
    said = client.post("/v1/limits", json={"program": "p"}).json()

    assert (
        shown["kills"]
        == said["kills"]
        == [
            {
                "name": "stop-search",
                "where": {"team": ["search"], "model": ["gpt-4o"]},
                "reason": "incident 12",
                "until": None,
            }
        ]
    )
    assert "lease_usd" not in shown["limits"][0]
    (limit,) = said["limits"]
    assert (limit["name"], limit["where"]) == ("team", {"team": ["search"]})
    assert (limit["remaining_usd"], limit["lease_usd"], limit["lease_s"]) == ("8", "2", LEASE_S)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"program": ""},
        {"program": "p", "used": [{"name": "x", "used_usd": "-1"}]},
        {"program": "p", "used": [{"name": "x", "used_usd": "NaN"}]},
        {"program": "p", "more": 1},
    ],
)
def test_a_question_that_is_none_is_refused(client: TestClient, question: Any) -> None:
    assert client.post("/v1/limits", json=question).status_code == 422


def test_a_switch_that_cannot_be_obeyed_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "tollbook.toml"
    path.write_text('[[kills]]\nname = "x"\nwhere = { planet = "mars" }\n')

    with pytest.raises(UnreadablePolicy, match="planet"):
        Policy(path, {"kills": Kills})


def test_more_programs_than_may_ask_get_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "PROGRAMS_MAX", 1)
    lender = Lender()
    ask: Callable[[str], Any] = lambda who: lease(lender, who, "100")  # noqa: E731

    assert (ask("a") > 0, ask("b")) == (True, 0)
