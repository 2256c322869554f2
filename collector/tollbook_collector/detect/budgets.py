"""Budgets: what people allow to be spent in a calendar period, as `[[budgets]]` of tollbook.toml.

A budget is over calls that its `where` chooses, or one for each value of a dimension (`each`). Its
period is a day, week or month as a calendar of its zone has it, so that a month in Berlin starts at
midnight in Berlin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tollbook_collector.policy import Section
from tollbook_collector.settings import OPEN_TENANT

BUDGETS_MAX: Final = 500
# Of one budget with `each`: the dearest are measured, the rest is counted.
SCOPES_MAX: Final = 10_000
# Shares of a budget that are told, unless it names its own.
THRESHOLDS: Final = (Decimal("0.5"), Decimal("0.8"), Decimal(1))

Dimension = Literal[
    "service",
    "environment",
    "provider",
    "model",
    "operation",
    "team",
    "feature",
    "customer",
    "service_tier",
]
DIMENSIONS: Final = get_args(Dimension)
PeriodName = Literal["day", "week", "month"]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, as in Europe/Berlin") from None
    return name


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Values = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=1000)]
Share = Annotated[Decimal, Field(gt=0, le=10)]
Usd = Annotated[Decimal, Field(gt=0, max_digits=26, decimal_places=12)]


@dataclass(frozen=True)
class Period:
    """A calendar period, from `starts_at` to `ends_at` (excluded), UTC."""

    starts_at: datetime
    ends_at: datetime

    @property
    def length_s(self) -> float:
        """Seconds; a day with a change of the clock has 23 or 25 hours."""
        return (self.ends_at - self.starts_at).total_seconds()


class Budget(Section):
    """What may be spent in a period.

    Attributes:
        name: Names it in every screen, table and alert; unique within a tenant.
        tenant: Whose calls it is over.
        where: The calls that count: for each dimension the values, any of which; empty: all calls.
        each: A budget of this size for each value of a dimension, as `customer`.
        usd: The limit, in US dollars a period.
        period: day, week (from Monday) or month of the calendar.
        zone: IANA time zone of the calendar.
        hard: Served to SDKs as a limit, which stop calls that would cross it.
        thresholds: Shares of `usd` that are told when they are crossed.
        owner: Who answers for it; shown with what it causes.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    tenant: str = OPEN_TENANT
    where: Mapping[Dimension, Values] = {}
    each: Dimension | None = None
    usd: Usd
    period: PeriodName = "month"
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    hard: bool = False
    thresholds: Annotated[tuple[Share, ...], Field(max_length=10)] = THRESHOLDS
    owner: str = Field(default="", max_length=200)

    def period_at(self, at: datetime) -> Period:
        """Return the period in which an instant is."""
        zone = ZoneInfo(self.zone)
        day = at.astimezone(zone).date()
        if self.period == "day":
            first, following = day, day + timedelta(days=1)
        elif self.period == "week":
            first = day - timedelta(days=day.weekday())
            following = first + timedelta(days=7)
        else:
            first = day.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        return Period(_midnight(first, zone), _midnight(following, zone))


class Budgets(Section):
    """The section `[[budgets]]`."""

    entries: Annotated[tuple[Budget, ...], Field(max_length=BUDGETS_MAX)] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for budget in self.entries:
            if (budget.tenant, budget.name) in seen:
                raise ValueError(f"the budget {budget.name!r} is there twice; names are unique")
            seen.add((budget.tenant, budget.name))
        return self


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # A midnight that a change of the clock leaves out is the instant of the change.
    return datetime.combine(day, time(), zone).astimezone(UTC)
