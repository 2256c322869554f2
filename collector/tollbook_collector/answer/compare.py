"""Two models, prompts or releases side by side on one's own calls, with 95 % intervals.

The intervals take calls as drawn independently, each for itself: they are honest for many calls of
mixed traffic, and too narrow where a few users or runs made most of them.
"""

import math
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql
from tollbook_collector.store.dimensions import DIMENSIONS, identifier

NS_A_MS: Final = 1_000_000
BY: Final = (
    *("model", "version", "prompt", "feature", "team", "service"),
    *("environment", "service_tier"),
)
# Of them, those whose values are known without reading calls.
VALUED: Final = frozenset(BY) - {"prompt", "service_tier"}
VALUES_MAX: Final = 200
# Standard errors of a 95 % interval.
Z: Final = 1.96
# With fewer calls on a side an interval says nothing.
CALLS_MIN: Final = 10


@dataclass(frozen=True)
class Side:
    """One of the two; means and variances are of its calls, None: it has none that count.

    Args:
        value: Of the dimension.
        calls, errors, priced, cut_off: How many, and of them failed, with a price, out of room.
        cost_usd: Of the priced ones, exact.
        counted, timed: Successful calls whose tokens, whose duration are known.
        p50_ms, p95_ms: Of the successful ones.
        cached: Share of the input that was read from a cache.
    """

    value: str
    calls: int
    errors: int
    priced: int
    cost_usd: Decimal
    cost_mean: float | None
    cost_variance: float | None
    counted: int
    output_mean: float | None
    output_variance: float | None
    input_mean: float | None
    input_variance: float | None
    timed: int
    log_duration_mean: float | None
    log_duration_variance: float | None
    p50_ms: float | None
    p95_ms: float | None
    cut_off: int
    cached: float | None


@dataclass(frozen=True)
class Difference:
    """How b differs from a in one measure.

    Args:
        measure: cost, failed, duration, input or output.
        a, b: The measure of each; of duration the geometric mean, milliseconds.
        low, high: 95 % interval: of duration and cost of b over a, of the others of b less a.
        told: Whether the interval leaves no difference out.
    """

    measure: str
    a: float
    b: float
    low: float
    high: float
    told: bool

    @property
    def relative(self) -> tuple[float, float]:
        """The interval as shares of a, 0 for no difference."""
        if self.measure in ("cost", "duration"):
            return self.low - 1, self.high - 1
        return (self.low / self.a, self.high / self.a) if self.a else (0.0, 0.0)


def compare(
    store: Answerer, tenant: str, period: Period, by: str, a: str, b: str, feature: str = ""
) -> tuple[Side | None, Side | None]:
    """Return two sides, None for one without calls.

    Raises:
        WrongQuestion: `by` is not one of BY, or both sides are the same.
    """
    _check(by)
    if a == b:
        raise WrongQuestion(f"{a!r} cannot be compared with itself")
    column = identifier(by if by in DIMENSIONS else None)
    parameters = {**period.parameters(tenant), "by": by, "a": a, "b": b, "feature": feature}
    parameters["column"] = column
    del parameters["limit"]
    rows = store.rows(sql.read("queries/compare"), parameters)
    sides = {row[0]: Side(*(_number(value) for value in row)) for row in rows}
    return sides.get(a), sides.get(b)


def values(store: Answerer, tenant: str, period: Period, by: str) -> dict[str, int]:
    """Return the values of a dimension that can be compared, most called first, with their calls.

    None of those that only calls themselves have: BY without VALUED.
    """
    _check(by)
    if by not in VALUED:
        return {}
    parameters = {**period.parameters(tenant), "column": by, "limit": VALUES_MAX}
    rows = store.rows(sql.read("queries/compare_values"), parameters)
    return {str(value): int(calls) for value, calls in rows}


def differences(a: Side, b: Side) -> list[Difference]:
    """Return how b differs from a, for each measure that both have enough calls of."""
    found = []
    if min(a.calls, b.calls) >= CALLS_MIN:
        found.append(_shares(a, b))
    if min(a.priced, b.priced) >= CALLS_MIN and a.cost_mean:
        found.append(
            _ratio(
                "cost",
                (a.cost_mean, a.cost_variance or 0.0, a.priced),
                (b.cost_mean or 0.0, b.cost_variance or 0.0, b.priced),
            )
        )
    if min(a.timed, b.timed) >= CALLS_MIN:
        found.append(_durations(a, b))
    if min(a.counted, b.counted) >= CALLS_MIN:
        found += [_means(name, a, b) for name in ("input", "output")]
    return found


def add_compare(api: FastAPI, collector: Collected) -> None:
    """Add the route of comparisons."""

    @api.get("/v1/compare")
    def show(
        tenant: Tenant, a: str, b: str, by: str = "model", feature: str = "", since: str = "7d"
    ) -> dict[str, Any]:
        """Return two values of a dimension side by side, and how the second differs."""
        sides = compare(collector.store, tenant, Period.back(since), by, a, b, feature)
        first, second = sides
        told = differences(first, second) if first and second else []
        return {
            "a": first and plain_row(asdict(first)),
            "b": second and plain_row(asdict(second)),
            "differences": [asdict(one) for one in told],
        }


def _shares(a: Side, b: Side) -> Difference:
    """Return the difference of the shares of failed calls, by Newcombe's hybrid of Wilson's."""
    p, q = a.errors / a.calls, b.errors / b.calls
    (p_low, p_high), (q_low, q_high) = _wilson(p, a.calls), _wilson(q, b.calls)
    low = q - p - math.hypot(q - q_low, p_high - p)
    high = q - p + math.hypot(q_high - q, p - p_low)
    return Difference("failed", p, q, low, high, low > 0 or high < 0)


def _wilson(share: float, count: int) -> tuple[float, float]:
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = math.sqrt(share * (1 - share) / count + (Z / (2 * count)) ** 2) * Z / (1 + Z**2 / count)
    return middle - half, middle + half


def _ratio(measure: str, a: tuple[float, float, int], b: tuple[float, float, int]) -> Difference:
    """Return the ratio of two means, its interval from those of their logarithms."""
    (mean_a, variance_a, n_a), (mean_b, variance_b, n_b) = a, b
    if not mean_b:
        return Difference(measure, mean_a, mean_b, 0.0, 0.0, True)
    error = math.sqrt(variance_a / n_a / mean_a**2 + variance_b / n_b / mean_b**2)
    ratio = mean_b / mean_a
    low, high = ratio * math.exp(-Z * error), ratio * math.exp(Z * error)
    return Difference(measure, mean_a, mean_b, low, high, low > 1 or high < 1)


def _durations(a: Side, b: Side) -> Difference:
    """Return the ratio of the durations, of their geometric means."""
    middle = (b.log_duration_mean or 0.0) - (a.log_duration_mean or 0.0)
    error = math.sqrt(
        (a.log_duration_variance or 0.0) / a.timed + (b.log_duration_variance or 0.0) / b.timed
    )
    low, high = math.exp(middle - Z * error), math.exp(middle + Z * error)
    usual_a, usual_b = (math.exp(side.log_duration_mean or 0.0) / NS_A_MS for side in (a, b))
    return Difference("duration", usual_a, usual_b, low, high, low > 1 or high < 1)


def _means(name: str, a: Side, b: Side) -> Difference:
    mean_a, mean_b = (getattr(side, f"{name}_mean") or 0.0 for side in (a, b))
    variances = [getattr(side, f"{name}_variance") or 0.0 for side in (a, b)]
    error = math.sqrt(variances[0] / a.counted + variances[1] / b.counted)
    low, high = mean_b - mean_a - Z * error, mean_b - mean_a + Z * error
    return Difference(name, mean_a, mean_b, low, high, low > 0 or high < 0)


def _check(by: str) -> None:
    if by not in BY:
        raise WrongQuestion(f"{by!r} cannot be compared; {', '.join(BY)} can")


def _number(value: Any) -> Any:
    """Return None for NaN, the mean of nothing."""
    return None if isinstance(value, float) and value != value else value
