"""Budgets: calendars of zones, what was spent of them, and how fast."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span, call

from tollbook_collector.answer.budgets import budgets, limits
from tollbook_collector.detect.budget_watch import BudgetWatch, measure
from tollbook_collector.detect.budgets import Budget, Budgets
from tollbook_collector.policy import Policy, UnreadablePolicy
from tollbook_collector.store.client import ClickHouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def written(tmp_path: Path, text: str) -> tuple[Budget, ...]:
    path = tmp_path / "tollbook.toml"
    path.write_text(text)
    return Policy(path, {"budgets": Budgets}).section(Budgets).entries


def dollars(amount: int, at: datetime, **tags: str) -> Span:
    """Return a call that costs so many dollars: gpt-4o takes 2.50 for a million input tokens."""
    named = {f"tollbook.tags.{name}": value for name, value in tags.items()}
    return call("openai", "gpt-4o", amount * 400_000, 0, at=at, **named)


def test_a_budget_says_what_it_is_over_and_when_it_starts_anew(tmp_path: Path) -> None:
    text = """
[[budgets]]
name = "search"
where = { team = "search", model = ["gpt-4o", "gpt-5"] }
usd = 500.10
zone = "Europe/Berlin"
hard = true
"""

    (budget,) = written(tmp_path, text)

    assert budget.where == {"team": ("search",), "model": ("gpt-4o", "gpt-5")}
    assert budget.usd == Decimal("500.10")
    assert (budget.period, budget.hard, budget.each) == ("month", True, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("usd = 0", "usd: Input should be greater than 0"),
        ('usd = 1\nzone = "Europe/Atlantis"', "not a time zone of the IANA database"),
        ('usd = 1\nzone = "../../etc/passwd"', "not a time zone of the IANA database"),
        ('usd = 1\nwhere = { colour = "red" }', "where.colour"),
        ('usd = 1\nperiod = "year"', "'day', 'week' or 'month'"),
        ("usd = 1\nthresholds = [0]", "thresholds.0: Input should be greater than 0"),
        ('usd = 1\n[[budgets]]\nname = "a"\nusd = 2', "'a' is there twice"),
    ],
)
def test_a_budget_that_cannot_be_obeyed_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UnreadablePolicy, match=message):
        written(tmp_path, f'[[budgets]]\nname = "a"\n{line}\n')


@pytest.mark.parametrize(
    ("period", "zone", "at", "starts_at", "ends_at"),
    [
        ("month", "UTC", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("month", "UTC", "2026-12-31T12:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        # In Berlin it is already November, and the clock went back in October.
        ("month", "Europe/Berlin", "2026-10-31T23:30", "2026-10-31T23:00", "2026-11-30T23:00"),
        ("month", "Europe/Berlin", "2026-10-31T22:30", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("week", "Asia/Kolkata", "2026-11-22T18:29", "2026-11-15T18:30", "2026-11-22T18:30"),
        ("week", "Asia/Kolkata", "2026-11-22T18:30", "2026-11-22T18:30", "2026-11-29T18:30"),
        # 25 hours, as the clock goes back.
        ("day", "America/New_York", "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),
        # Cairo's clock leaves out the midnight of 24 April 2026.
        ("day", "Africa/Cairo", "2026-04-24T10:00", "2026-04-23T22:00", "2026-04-24T21:00"),
    ],
)
def test_a_period_is_that_of_the_calendar_in_its_zone(
    period: Any, zone: str, at: str, starts_at: str, ends_at: str
) -> None:
    budget = Budget(name="a", usd=Decimal(1), period=period, zone=zone)

    found = budget.period_at(datetime.fromisoformat(f"{at}:00+00:00"))

    assert found.starts_at == datetime.fromisoformat(f"{starts_at}:00+00:00")
    assert found.ends_at == datetime.fromisoformat(f"{ends_at}:00+00:00")


def test_what_was_spent_is_exact_at_the_edges_of_a_period_off_the_hour(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    starts_at = datetime(2026, 10, 31, 18, 30, tzinfo=UTC)  # midnight in Kolkata
    before = dollars(1, starts_at - timedelta(seconds=1))
    at_start, in_first_hour = dollars(2, starts_at), dollars(4, starts_at + timedelta(minutes=29))
    later = dollars(8, starts_at + timedelta(days=19))
    insert(priced, [before, at_start, in_first_hour, later])
    budget = Budget(name="all", tenant=tenant, usd=Decimal(100), zone="Asia/Kolkata")

    (status,) = measure(priced, budget, NOW)

    assert (status.spent_usd, status.calls) == (Decimal(2 + 4 + 8), 3)
    assert status.remaining_usd == 100 - 14


def test_a_budget_counts_the_calls_it_chooses_for_each_value_of_its_dimension(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    spans = [
        dollars(6, NOW, team="search", customer="acme"),
        dollars(3, NOW, team="search", customer="globex"),
        dollars(90, NOW, team="mobile", customer="acme"),
        call("openai", "mystery", 1, 1, at=NOW, **{"tollbook.tags.team": "search"}),
    ]
    insert(priced, spans)
    budget = Budget(
        name="a", tenant=tenant, usd=Decimal(10), where={"team": ("search",)}, each="customer"
    )

    statuses = measure(priced, budget, NOW)

    found = [(s.value, s.spent_usd, s.crossed, s.unpriced_calls) for s in statuses]
    assert found == [
        ("acme", Decimal(6), Decimal("0.5"), 0),
        ("globex", Decimal(3), Decimal(0), 0),
        ("", Decimal(0), Decimal(0), 1),
    ]


@pytest.mark.parametrize(
    ("ago_min", "burning"),
    [
        ([2], "fast"),  # $30 of $1,000 within the hour, and just now: 21.6 times the speed
        ([50], ""),  # the burst is over
        ([20, 300], "slow"),  # $60 within six hours: 7.2 times the speed; none just now
    ],
)
def test_a_budget_burns_while_it_is_spent_too_fast_in_both_windows(
    priced: ClickHouse,
    insert: Callable[..., None],
    tenant: str,
    ago_min: list[int],
    burning: str,
) -> None:
    insert(priced, [dollars(30, NOW - timedelta(minutes=minutes)) for minutes in ago_min])
    budget = Budget(name="a", tenant=tenant, usd=Decimal(1000))

    (status,) = measure(priced, budget, NOW)

    assert status.burning == burning
    assert status.fast_burn == pytest.approx(30 / (1000 / 720), abs=0.001) or ago_min == [20, 300]


def test_a_budget_without_a_call_is_there_with_nothing_spent(
    priced: ClickHouse, tenant: str
) -> None:
    BudgetWatch(
        lambda: priced, lambda: [Budget(name="a", tenant=tenant, usd=Decimal(5))], lambda: NOW
    ).watch()

    (row,) = budgets(priced, tenant, NOW)

    assert (row["spent_usd"], row["remaining_usd"], row["forecast_usd"]) == (0, 5, None)
    assert row["period_starts_at"].isoformat().startswith("2026-11-01T00:00:00")


def test_a_budget_that_left_the_file_is_no_longer_shown_even_after_a_restart(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    insert(priced, [dollars(6, NOW)])
    both = [Budget(name=name, tenant=tenant, usd=Decimal(5), hard=True) for name in ("a", "b")]
    BudgetWatch(lambda: priced, lambda: both, lambda: NOW).watch()

    BudgetWatch(lambda: priced, lambda: both[:1], lambda: NOW + timedelta(seconds=1)).watch()

    assert [row["budget"] for row in budgets(priced, tenant, NOW)] == ["a"]
    assert [(r["budget"], r["remaining_usd"]) for r in limits(priced, tenant, NOW)] == [("a", -1)]


def test_a_budget_is_written_when_it_changed_and_not_again(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    written: list[int] = []

    class Counting:
        rows = priced.rows

        def insert(self, table: str, columns: Any, rows: Any) -> None:
            written.append(len(rows))
            priced.insert(table, columns, rows)

    watch = BudgetWatch(
        Counting, lambda: [Budget(name="a", tenant=tenant, usd=Decimal(5))], lambda: NOW
    )

    watch.watch()
    watch.watch()
    insert(priced, [dollars(1, NOW)])
    watch.watch()

    # The first also ends what other tests have left.
    assert (len(written), written[-1]) == (2, 1)


def test_a_budget_says_what_is_to_be_expected_of_it(
    priced: ClickHouse, insert: Callable[..., None], tenant: str
) -> None:
    insert(priced, [dollars(1, NOW - timedelta(hours=hour)) for hour in range(1, 24 * 9)])
    allowed = [Budget(name="a", tenant=tenant, usd=Decimal(5000))]
    BudgetWatch(lambda: priced, lambda: allowed, lambda: NOW).watch()

    (row,) = budgets(priced, tenant, NOW)

    # $215 since the first, and a dollar for each of the 252 hours until December.
    assert float(row["forecast_usd"]) == pytest.approx(215 + 252, rel=0.02)
    assert row["forecast_low_usd"] <= row["forecast_usd"] <= row["forecast_high_usd"]
