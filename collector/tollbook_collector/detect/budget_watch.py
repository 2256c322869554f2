"""Watches budgets: what each has spent and how fast, written to `budget_periods` where it changed.

The speed of spending is a burn rate: 1 uses the limit up exactly at the end of the period. A budget
burns when a long and a short window both spend fast enough, so that a burst that is over does not
keep telling, and when the rest would be used up before the period ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import numpy as np

from tollbook_collector.detect.budgets import DIMENSIONS, SCOPES_MAX, Budget, Period, PeriodName
from tollbook_collector.detect.forecast import HISTORY_H, Forecast, forecast
from tollbook_collector.detect.grid import Floats
from tollbook_collector.duties import try_each
from tollbook_collector.store import sql
from tollbook_collector.store.dimensions import identifier

ZERO: Final = Decimal(0)
# Of one budget with `each`: the dearest values are forecast.
FORECASTS_MAX: Final = 200


@dataclass(frozen=True)
class Burn:
    """When spending counts as too fast: within `window`, and still within `recent`.

    Args:
        window: Length of the window.
        recent: Length of the window that says whether it goes on.
        rate: Burn rate from which on it is told.
    """

    window: timedelta
    recent: timedelta
    rate: float


# Of a month, 2 % within an hour or 5 % within six; of shorter periods more, as their hours weigh
# more: 5 % and 15 % of a week, 10 % in a quarter of an hour and 20 % in an hour of a day.
FAST: Final[Mapping[PeriodName, Burn]] = {
    "month": Burn(timedelta(hours=1), timedelta(minutes=5), 14.4),
    "week": Burn(timedelta(hours=1), timedelta(minutes=5), 8.4),
    "day": Burn(timedelta(minutes=15), timedelta(minutes=5), 9.6),
}
SLOW: Final[Mapping[PeriodName, Burn]] = {
    "month": Burn(timedelta(hours=6), timedelta(minutes=30), 6.0),
    "week": Burn(timedelta(hours=6), timedelta(minutes=30), 4.2),
    "day": Burn(timedelta(hours=1), timedelta(minutes=15), 4.8),
}


class Database(Protocol):
    """What the watch needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class Status:
    """How a budget stands for one value of its dimension in a period; a row of `budget_periods`.

    Args:
        tenant: Whose data it is.
        budget: Its name.
        dimension: The dimension with a budget for each value; empty: one for all.
        value: Value of that dimension.
        period_starts_at: UTC.
        period_ends_at: Excluded, UTC.
        period: day, week or month.
        zone: IANA time zone.
        chosen: Calls that count: values by dimension; empty: all.
        hard: Served to SDKs as a limit.
        owner: Who answers for it.
        limit_usd: What may be spent.
        spent_usd: Cost of the priced calls so far.
        remaining_usd: Limit less spent; negative: exceeded.
        calls: Calls that count.
        unpriced_calls: Of them, those whose cost is unknown and not in `spent_usd`.
        crossed: Highest threshold that is crossed; 0: none.
        fast_burn: Burn rate of the fast window.
        slow_burn: Burn rate of the slow window.
        burning: fast, slow or empty.
        forecast_usd: Spend to be expected by the end; None: too little history.
        forecast_low_usd: Lower end of the 80 % interval.
        forecast_high_usd: Upper end of it.
        forecast_error: Mean absolute error of the same forecast made in the past, as a share.
        in_force: Whether tollbook.toml has it.
    """

    tenant: str
    budget: str
    dimension: str
    value: str
    period_starts_at: datetime
    period_ends_at: datetime
    period: str
    zone: str
    chosen: dict[str, list[str]]
    hard: bool
    owner: str
    limit_usd: Decimal
    spent_usd: Decimal
    remaining_usd: Decimal
    calls: int
    unpriced_calls: int
    crossed: Decimal
    fast_burn: float
    slow_burn: float
    burning: str
    forecast_usd: Decimal | None = None
    forecast_low_usd: Decimal | None = None
    forecast_high_usd: Decimal | None = None
    forecast_error: float | None = None
    in_force: bool = True

    @property
    def key(self) -> tuple[str, str, str, str, datetime]:
        """What the row is known by."""
        return (self.tenant, self.budget, self.dimension, self.value, self.period_starts_at)


COLUMNS: Final = (*Status.__dataclass_fields__, "measured_at")


class BudgetWatch:
    """Measures budgets again and again.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        budgets: Returns what is allowed, as tollbook.toml has it now.
        now: The clock.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        budgets: Callable[[], Sequence[Budget]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._now = now
        self._written: dict[tuple[str, str, str, str, datetime], Status] | None = None
        # Forecasts by budget, of the hour in which they were made: they follow whole hours.
        self._forecasts: dict[tuple[str, str], tuple[datetime, Budget, dict[str, Forecast]]] = {}

    def watch(self) -> None:
        """Measure each budget, and write those that changed or are no longer in force.

        Raises:
            StoreUnavailable: The store is away; nothing is forgotten.
            SomeFailed: Some budgets could not be measured and stand as they stood; the others were
                measured and written.
        """
        now = self._now()
        store = self._store()
        if self._written is None:
            self._written = _in_force(store, now)
        budgets = {(budget.tenant, budget.name): budget for budget in self._budgets()}
        unmeasured = set(budgets)
        measured: dict[tuple[str, str, str, str, datetime], Status] = {}

        def look(name: tuple[str, str]) -> None:
            found = self._expecting(store, budgets[name], now)
            measured.update({status.key: status for status in found})
            unmeasured.discard(name)

        failed = try_each(budgets, look, "/".join)
        measured |= {
            key: status
            for key, status in self._written.items()
            if (status.tenant, status.budget) in unmeasured
        }
        gone = [
            replace(status, in_force=False)
            for key, status in self._written.items()
            if key not in measured and status.period_ends_at > now
        ]
        changed = [s for key, s in measured.items() if self._written.get(key) != s]
        if rows := [*gone, *changed]:
            store.insert("budget_periods", COLUMNS, [_row(status, now) for status in rows])
        self._written = measured
        if failed is not None:
            raise failed

    def _expecting(self, store: Database, budget: Budget, now: datetime) -> list[Status]:
        statuses = measure(store, budget, now)
        name = (budget.tenant, budget.name)
        hour, known, made = self._forecasts.get(name, (None, None, {}))
        # Without any, history may have come since; it costs a query.
        if not made or (hour, known) != (_hour(now), budget):
            spent = {status.value: status.spent_usd for status in statuses}
            made = expect(histories(store, budget, now), spent, budget, now)
            self._forecasts[name] = (_hour(now), budget, made)
        return [_with(status, made.get(status.value)) for status in statuses]


def histories(store: Database, budget: Budget, now: datetime) -> dict[str, Floats]:
    """Return what the dearest values cost in each whole hour before now, the oldest first."""
    since = _hour(now) - timedelta(hours=HISTORY_H)
    parameters = {
        **_parameters(budget, budget.period_at(now), now),
        "since": since.strftime("%Y-%m-%d %H:%M:%S"),
        "until": _hour(now).strftime("%Y-%m-%d %H:%M:%S"),
        "limit": FORECASTS_MAX,
    }
    found = {}
    for value, (hours, usd) in store.rows(sql.read("queries/spend_history"), parameters):
        found[value] = np.zeros(HISTORY_H)
        found[value][np.array(hours, dtype=np.int64)] = usd
    return found


def expect(
    known: Mapping[str, Floats], spent: Mapping[str, Decimal], budget: Budget, now: datetime
) -> dict[str, Forecast]:
    """Return what will have been spent at the end of the period, for the dearest values.

    Args:
        known: What they cost in each hour, as `histories` returns it.
        spent: What they cost in the period so far.
        budget: Whose period it is.
        now: The instant from which on it is forecast.
    """
    period = budget.period_at(now)
    made = {
        value: forecast(history, spent.get(value, ZERO), period, budget.zone, now)
        for value, history in known.items()
    }
    return {value: one for value, one in made.items() if one is not None}


def _with(status: Status, made: Forecast | None) -> Status:
    if made is None:
        return status
    return replace(
        status,
        forecast_usd=max(made.expected_usd, status.spent_usd),
        forecast_low_usd=max(made.low_usd, status.spent_usd),
        forecast_high_usd=max(made.high_usd, status.spent_usd),
        forecast_error=made.error,
    )


def measure(store: Database, budget: Budget, now: datetime) -> list[Status]:
    """Return how a budget stands now: one status, or one for each value of its dimension."""
    period = budget.period_at(now)
    rows = store.rows(sql.read("queries/budget_spend"), _parameters(budget, period, now))
    if not rows and budget.each is None:
        rows = [("", ZERO, 0, 0, ZERO, ZERO, ZERO, ZERO)]
    return [_status(budget, period, now, row) for row in rows]


def _parameters(budget: Budget, period: Period, now: datetime) -> dict[str, Any]:
    fast, slow = FAST[budget.period], SLOW[budget.period]
    instants = {
        "starts_at": period.starts_at,
        "ends_at": period.ends_at,
        "first_hour": _hour(period.starts_at + timedelta(minutes=59, seconds=59)),
        "last_hour": _hour(period.ends_at),
        "fast_since": now - fast.window,
        "fast_recent_since": now - fast.recent,
        "slow_since": now - slow.window,
        "slow_recent_since": now - slow.recent,
    }
    return {
        "tenant": budget.tenant,
        "each": budget.each or "",
        "column": identifier(budget.each),
        "limit": SCOPES_MAX,
        **{name: at.strftime("%Y-%m-%d %H:%M:%S") for name, at in instants.items()},
        **{name: [] for name in DIMENSIONS},
        **{name: list(values) for name, values in budget.where.items()},
    }


def _status(budget: Budget, period: Period, now: datetime, row: Sequence[Any]) -> Status:
    value, spent, calls, unpriced, fast, fast_recent, slow, slow_recent = row
    remaining = budget.usd - spent
    shares = [share for share in budget.thresholds if spent >= share * budget.usd]
    rules = (
        ("fast", FAST[budget.period], fast, fast_recent),
        (
            "slow",
            SLOW[budget.period],
            slow,
            slow_recent,
        ),
    )
    burning = ""
    rates = {}
    for name, rule, within, recently in rules:
        rates[name] = _rate(within, rule.window, budget, period)
        goes_on = _rate(recently, rule.recent, budget, period) >= rule.rate
        left_s = (period.ends_at - now).total_seconds()
        used_up = within / Decimal(rule.window.total_seconds()) * Decimal(left_s) > remaining
        if rates[name] >= rule.rate and goes_on and used_up and not burning:
            burning = name
    return Status(
        tenant=budget.tenant,
        budget=budget.name,
        dimension=budget.each or "",
        value=value,
        period_starts_at=period.starts_at,
        period_ends_at=period.ends_at,
        period=budget.period,
        zone=budget.zone,
        chosen={name: list(values) for name, values in budget.where.items()},
        hard=budget.hard,
        owner=budget.owner,
        limit_usd=budget.usd,
        spent_usd=spent,
        remaining_usd=remaining,
        calls=calls,
        unpriced_calls=unpriced,
        crossed=max(shares, default=ZERO),
        fast_burn=rates["fast"],
        slow_burn=rates["slow"],
        burning=burning,
    )


def _rate(spent: Decimal, window: timedelta, budget: Budget, period: Period) -> float:
    allowed = budget.usd * Decimal(window.total_seconds()) / Decimal(period.length_s)
    return round(float(spent / allowed), 4)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _row(status: Status, now: datetime) -> list[Any]:
    return [*(getattr(status, name) for name in Status.__dataclass_fields__), now]


def _in_force(store: Database, now: datetime) -> dict[tuple[str, str, str, str, datetime], Status]:
    at = now.strftime("%Y-%m-%d %H:%M:%S")
    rows = store.rows(sql.read("queries/budgets_written"), {"now": at})
    # The driver returns instants of UTC without their zone.
    statuses = [Status(*(_aware(value) for value in row)) for row in rows]
    return {status.key: status for status in statuses}


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
