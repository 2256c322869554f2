"""What people ask: each question is one file of SQL, with the tenant as its first parameter.

The command line, REST and the page ask through here, so there is one query for one question.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol

from tollbook_collector.store import dimensions, sql


@dataclass(frozen=True)
class Time:
    """A dimension that is a time: how long it is, and how it is written."""

    seconds: int
    form: str


# The finest first: where both are asked for, hours are told apart.
TIMES: Final = {"hour": Time(3600, "%Y-%m-%dT%H:00Z"), "day": Time(86_400, "%Y-%m-%d")}
# Of all time together: the largest that the question takes.
EVER_S: Final = 2**32 - 1
DIMENSIONS: Final = (*TIMES, *dimensions.DIMENSIONS)
ROWS_MAX: Final = 10_000
# Where the numbers of a row of queries/spend begin, which are those of a Spend: after its time and
# the dimensions.
NUMBERS: Final = 1 + len(dimensions.DIMENSIONS)
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class WrongQuestion(ValueError):
    """A parameter of a question is not one of those it may be."""


class Answerer(Protocol):
    """What questions need of the store."""

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def formatted(
        self,
        statement: str,
        format_name: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the answer of a query in one of ClickHouse's output formats."""

    def streamed(
        self,
        statement: str,
        format_name: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Iterator[bytes]:
        """Yield the answer of a query in one of ClickHouse's output formats, piece by piece."""


@dataclass(frozen=True)
class Spend:
    """Calls, tokens and cost of one combination of dimensions.

    Args:
        dimensions: Values by dimension, in the order asked for; empty for a total.
        calls: Model calls.
        errors: Of them, those that failed.
        unpriced_calls: Calls that used tokens at an unknown cost, not in `cost_usd`.
        input_tokens: Cached ones included.
        cache_read_tokens: Of the input.
        output_tokens: Reasoning included.
        cost_usd: Of the priced calls, exact.
    """

    dimensions: dict[str, str]
    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Latency:
    """How long the successful calls of a model took, in milliseconds; NaN: never streamed."""

    provider: str
    model: str
    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first_chunk_p50_ms: float
    first_chunk_p95_ms: float


@dataclass(frozen=True)
class Unpriced:
    """Calls of a model that used tokens at an unknown cost, and why it is unknown."""

    provider: str
    model: str
    reason: str
    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, UTC; `until` is excluded."""

    since: datetime
    until: datetime

    @classmethod
    def back(cls, text: str, now: datetime | None = None) -> "Period":
        """Return the period that ends now and is as long as `text` says: 90m, 24h, 7d, 4w.

        Args:
            text: A number and m, h, d or w.
            now: UTC; None asks the clock.

        Raises:
            WrongQuestion: `text` is not a number and one of m, h, d, w, or longer than ten years.
        """
        number, unit = text[:-1], text[-1:]
        if not number.isdigit() or unit not in UNITS:
            raise WrongQuestion(f"{text!r} is not a length of time, as in 90m, 24h, 7d or 4w")
        length = timedelta(**{UNITS[unit]: min(int(number), 1_000_000)})
        if length > timedelta(days=3660):
            raise WrongQuestion(f"{text!r} is longer than ten years")
        now = now or datetime.now(UTC)
        # Spend is kept by the hour, and the hour that runs belongs to the answer.
        return cls(since=now - length, until=now + timedelta(hours=1))

    def parameters(self, tenant: str) -> dict[str, Any]:
        """Return the parameters that every question about a period has."""
        return {
            "tenant": tenant,
            "since": self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "until": self.until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "limit": ROWS_MAX,
        }


def spend(store: Answerer, tenant: str, period: Period, by: Sequence[str]) -> list[Spend]:
    """Return spend by dimensions, dearest first.

    At most ROWS_MAX of them.

    Raises:
        WrongQuestion: A dimension is not one of DIMENSIONS.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    for dimension in by:
        if dimension not in DIMENSIONS:
            raise WrongQuestion(f"{dimension!r} is not a dimension; {', '.join(DIMENSIONS)} are")
    seconds = next((TIMES[name].seconds for name in TIMES if name in by), EVER_S)
    parameters = {**period.parameters(tenant), **dimensions.identifiers(by), "bucket_s": seconds}
    # Sums of all customers are kept: so few rows are read sooner by one thread.
    settings = {} if "customer" in by else {"max_threads": 1}
    # A time is written once, and not for each of its rows.
    places = [
        (name, 0, functools.cache(partial(_written, TIMES[name].form)))
        if name in TIMES
        else (name, 1 + dimensions.DIMENSIONS.index(name), str)
        for name in by
    ]
    found = []
    for row in store.rows(sql.read("queries/spend"), parameters, settings):
        known = {name: written(row[place]) for name, place, written in places}
        found.append(Spend(known, *row[NUMBERS:]))
    return found


def summed(rows: Sequence[Spend]) -> Spend:
    """Return rows that are all there are as one sum, exact."""
    return Spend(
        {},
        sum(row.calls for row in rows),
        sum(row.errors for row in rows),
        sum(row.unpriced_calls for row in rows),
        sum(row.input_tokens for row in rows),
        sum(row.cache_read_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        sum((row.cost_usd for row in rows), Decimal(0)),
    )


def spend_total(store: Answerer, tenant: str, period: Period) -> Spend:
    """Return the spend of a period as one sum."""
    (numbers,) = store.rows(sql.read("queries/spend_total"), period.parameters(tenant))
    return Spend({}, *numbers)


def latency(store: Answerer, tenant: str, period: Period) -> list[Latency]:
    """Return the latency of each model, most called first."""
    rows = store.rows(sql.read("queries/latency"), period.parameters(tenant))
    return [Latency(*row) for row in rows]


def unpriced(store: Answerer, tenant: str, period: Period) -> list[Unpriced]:
    """Return the models that have no price, most called first."""
    rows = store.rows(sql.read("queries/unpriced"), period.parameters(tenant))
    return [Unpriced(*row) for row in rows]


def health(store: Answerer) -> dict[str, int]:
    """Return what the store holds, by asking it."""
    ((spans, price_books),) = store.rows(sql.read("queries/health"))
    return {"spans": int(spans), "price_books": int(price_books)}


def known_usd(cost_usd: Decimal, unpriced_calls: int) -> Decimal | None:
    """Return what calls cost together, None where one has no price and the others cost nothing.

    The same as `tollbook_known_cost` in SQL: what is unknown is told as nothing, and never as 0.
    """
    return None if unpriced_calls and not cost_usd else cost_usd


def _written(form: str, at: datetime) -> str:
    return at.strftime(form)
