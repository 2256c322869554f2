"""What is being spent right now: the last minutes by one dimension, for `tollbook top`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain, plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, WrongQuestion, known_usd
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

DIMENSIONS: Final = ("model", "team", "service", "feature", "customer", "provider")
MINUTES_MAX: Final = 24 * 60
ROWS_MAX: Final = 100


@dataclass(frozen=True)
class Spending:
    """The calls of one value of a dimension in the last minutes.

    Args:
        value: Of the dimension; empty: those without it.
        calls, errors, unpriced_calls: How many.
        input_tokens, output_tokens: Of all of them.
        cost_usd: Of the priced ones, exact.
        p50_ms, p95_ms: Of those that did not fail; None: there are none.
    """

    value: str
    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    p50_ms: float | None
    p95_ms: float | None


def top(store: Answerer, tenant: str, by: str, minutes: int) -> list[Spending]:
    """Return what is spent by a dimension, dearest first.

    Raises:
        WrongQuestion: The dimension or the number of minutes is not one that there is.
    """
    rows = store.rows(sql.read("queries/top"), _parameters(tenant, by, minutes))
    return [Spending(*row) for row in rows]


def by_minute(store: Answerer, tenant: str, minutes: int) -> Sequence[tuple[int, int, Decimal]]:
    """Return minutes ago, calls and cost of the minutes with calls, oldest first."""
    rows = store.rows(sql.read("queries/top_minutes"), _parameters(tenant, "model", minutes))
    return [(int(ago), int(calls), Decimal(cost)) for ago, calls, cost in rows]


def add_top(api: FastAPI, collector: Collected) -> None:
    """Add the route."""

    @api.get("/v1/top")
    def show_top(tenant: Tenant, by: str = "model", minutes: int = 10) -> dict[str, Any]:
        """Return what is being spent, by one dimension and by the minute; money is text."""
        rows = top(collector.store, tenant, by, minutes)
        series = by_minute(collector.store, tenant, minutes)
        return {
            "by": by,
            "minutes": minutes,
            "rows": [_shown(row) for row in rows],
            "by_minute": [
                {"minutes_ago": ago, "calls": calls, "cost_usd": plain(cost)}
                for ago, calls, cost in series
            ],
        }


def _shown(row: Spending) -> dict[str, Any]:
    cost = known_usd(row.cost_usd, row.unpriced_calls)
    return plain_row(asdict(row) | {"cost_usd": cost})


def _parameters(tenant: str, by: str, minutes: int) -> dict[str, Any]:
    if by not in DIMENSIONS:
        raise WrongQuestion(f"{by!r} is not a dimension; {', '.join(DIMENSIONS)} are")
    if not 1 <= minutes <= MINUTES_MAX:
        raise WrongQuestion(f"minutes is {minutes}, it may be 1 to {MINUTES_MAX}")
    return {"tenant": tenant, "by": by, "minutes": minutes, "limit": ROWS_MAX}
