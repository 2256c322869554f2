"""Spend over time and against the period before: the questions behind the charts."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import (
    DIMENSIONS,
    ROWS_MAX,
    Answerer,
    Period,
    WrongQuestion,
    known_usd,
)
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql
from tollbook_collector.store.dimensions import DIMENSIONS as IN_ROLL_UP
from tollbook_collector.store.dimensions import (
    Filter,
    identifier,
    identifiers,
    narrowed,
    values,
)

# Values of a dimension that a chart can tell apart; the others are drawn as one.
TOP_DEFAULT: Final = 7
TOP_MAX: Final = 50
# Buckets in seconds: the first that cuts a period into at most so many pieces is taken.
BUCKETS_S: Final = (60, 300, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
BUCKETS_MAX: Final = 320
HOUR_S: Final = 3600
# Combinations of dimensions that are added up here rather than asked for again.
TOGETHER_MAX: Final = 1_000
TIMELESS: Final = tuple(name for name in DIMENSIONS if name not in ("hour", "day"))


@dataclass(frozen=True)
class Point:
    """Calls and cost of a bucket of time, of one value of a dimension.

    Args:
        bucket: Its start, UTC.
        value: Of the dimension; `(other)` for those not shown by name, empty for all as one.
        calls: Model calls.
        errors: Of them, those that failed.
        unpriced_calls: Of them, those that used tokens at an unknown cost.
        cost_usd: Of the priced ones, exact.
    """

    bucket: datetime
    value: str
    calls: int
    errors: int
    unpriced_calls: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Series:
    """Spend over time.

    Args:
        bucket_s: Seconds of a bucket.
        points: By bucket, then value; buckets without calls are not in it.
    """

    bucket_s: int
    points: list[Point]


@dataclass(frozen=True)
class Change:
    """What a combination of dimensions cost in a period and in the one before it.

    Args:
        dimensions: Values by dimension, in the order asked for.
        calls, errors, unpriced_calls, input_tokens, cache_read_tokens, output_tokens: As in Spend.
        cost_usd: Of the priced calls, exact.
        calls_before, input_tokens_before, …, cost_usd_before: Of the period before.
    """

    dimensions: dict[str, str]
    calls: int
    calls_before: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    input_tokens_before: int
    cache_read_tokens: int
    cache_read_tokens_before: int
    output_tokens: int
    output_tokens_before: int
    cost_usd: Decimal
    cost_usd_before: Decimal

    @property
    def known_usd(self) -> Decimal | None:
        """What it cost; None: a call has no price, and the others cost nothing."""
        return known_usd(self.cost_usd, self.unpriced_calls)

    @property
    def delta_usd(self) -> Decimal:
        """How much more it cost than before."""
        return self.cost_usd - self.cost_usd_before


def bucket_of(period: Period) -> int:
    """Return the seconds of a bucket that cuts a period into pieces that a chart can show."""
    length_s = (period.until - period.since).total_seconds()
    return next((size for size in BUCKETS_S if length_s / size <= BUCKETS_MAX), BUCKETS_S[-1])


def spend_series(
    store: Answerer,
    tenant: str,
    period: Period,
    by: str = "",
    top: int = TOP_DEFAULT,
    filters: Sequence[Filter] = (),
) -> Series:
    """Return spend over time, of the dearest values of a dimension and of the others together.

    Raises:
        WrongQuestion: `by` is not a dimension that has no time in it, or top out of range.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    if by:
        _check([by])
    if not 1 <= top <= TOP_MAX:
        raise WrongQuestion(f"top is {top}, it may be 1 to {TOP_MAX}")
    bucket_s = bucket_of(period)
    by_hour = bucket_s % HOUR_S == 0
    parameters = {
        **period.parameters(tenant),
        "roll_up": "spend_hourly" if by_hour else "spend_minutely",
        "instant": "hour" if by_hour else "minute",
        "by": by,
        "column": identifier(by),
        **narrowed(filters),
        "bucket_s": bucket_s,
        "top": top,
    }
    del parameters["limit"]
    rows = store.rows(sql.read("queries/spend_series"), parameters)
    return Series(
        bucket_s,
        [
            Point(bucket, value, int(calls), int(errors), int(unpriced), Decimal(cost))
            for bucket, value, calls, errors, unpriced, cost in rows
        ],
    )


def spend_changes(
    store: Answerer, tenant: str, period: Period, tables: Sequence[Sequence[str]]
) -> list[list[Change]]:
    """Return what changed by each of several lists of dimensions, as `spend_change` does.

    One question for all of them, as long as all dimensions together have TOGETHER_MAX combinations:
    what a question costs is mostly its planning.
    """
    every = sorted({name for by in tables for name in by})
    together = spend_change(store, tenant, period, every, TOGETHER_MAX + 1)
    if len(together) <= TOGETHER_MAX:
        return [_summed(together, by) for by in tables]
    with ThreadPoolExecutor(len(tables)) as asking:
        return list(asking.map(partial(spend_change, store, tenant, period), tables))


def _summed(rows: Sequence[Change], by: Sequence[str]) -> list[Change]:
    """Return the sums of rows over the dimensions that are not asked for."""
    sums: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        key = tuple(row.dimensions[name] for name in by)
        numbers = list(vars(row).values())[1:]
        so_far = sums.setdefault(key, [0] * len(numbers))
        sums[key] = [one + more for one, more in zip(so_far, numbers, strict=True)]
    found = [Change(dict(zip(by, key, strict=True)), *numbers) for key, numbers in sums.items()]
    return sorted(
        found, key=lambda row: (-abs(row.delta_usd), -row.cost_usd, *row.dimensions.values())
    )


def spend_change(
    store: Answerer,
    tenant: str,
    period: Period,
    by: Sequence[str],
    limit: int = ROWS_MAX,
) -> list[Change]:
    """Return what changed against the period of the same length before, largest change first.

    Raises:
        WrongQuestion: A dimension is not one that has no time in it.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    _check(by)
    before = Period(period.since - (period.until - period.since), period.since)
    parameters = {
        **period.parameters(tenant),
        **identifiers(by),
        "limit": limit,
        "before": before.parameters(tenant)["since"],
    }
    return [
        Change(values(by, row), *row[len(IN_ROLL_UP) :])
        for row in store.rows(sql.read("queries/spend_change"), parameters)
    ]


def hourly(
    store: Answerer, tenant: str, chosen: Mapping[str, str], since: datetime, until: datetime
) -> list[float] | None:
    """Return what calls cost in each hour, in USD for drawing; None: nothing keeps them apart.

    Args:
        store: The store.
        tenant: Whose calls.
        chosen: Values by dimension; the calls that have all of them count.
        since: From the hour that this is in.
        until: To the hour before this one.
    """
    if not set(chosen) <= set(TIMELESS):
        return None
    start = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    parameters = {
        "tenant": tenant,
        "since": f"{start:%Y-%m-%d %H:%M:%S}",
        "until": f"{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "each": "",
        "column": identifier(None),
        **{name: [chosen[name]] if name in chosen else [] for name in TIMELESS},
        "limit": 1,
    }
    rows = store.rows(sql.read("queries/spend_history"), parameters)
    hours = [0.0] * max(1, int((until - start).total_seconds() / HOUR_S))
    for places, amounts in (row[1] for row in rows):
        for place, amount in zip(places, amounts, strict=True):
            if place < len(hours):
                hours[place] = float(amount)
    return hours


def add_series(api: FastAPI, collector: Collected) -> None:
    """Add the routes of spend over time."""

    @api.get("/v1/spend/series")
    def series(
        tenant: Tenant, by: str = "", since: str = "7d", top: int = TOP_DEFAULT
    ) -> dict[str, Any]:
        """Return spend over time, by at most one dimension."""
        period = Period.back(since)
        found = spend_series(collector.store, tenant, period, by, top)
        return {
            "since": period.since,
            "until": period.until,
            "bucket_s": found.bucket_s,
            "points": [
                {
                    "bucket": point.bucket,
                    "value": point.value,
                    "calls": point.calls,
                    "errors": point.errors,
                    "unpriced_calls": point.unpriced_calls,
                    "cost_usd": plain(known_usd(point.cost_usd, point.unpriced_calls)),
                }
                for point in found.points
            ],
        }

    @api.get("/v1/spend/change")
    def change(tenant: Tenant, by: str = "model", since: str = "7d") -> dict[str, Any]:
        """Return what changed against the period before, largest change first."""
        rows = spend_change(collector.store, tenant, Period.back(since), by.split(","))
        return {
            "rows": [
                {
                    **{name: plain(value) for name, value in vars(row).items()},
                    "delta_usd": plain(row.delta_usd),
                }
                for row in rows
            ]
        }


def _check(by: Sequence[str]) -> None:
    for dimension in by:
        if dimension not in TIMELESS:
            raise WrongQuestion(f"{dimension!r} is not a dimension; {', '.join(TIMELESS)} are")
