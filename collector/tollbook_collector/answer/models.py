"""Models side by side, and the rates that they are priced at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period, known_usd
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

# Up to so many calls of a period each one's time is read; of more, histograms are.
EXACT_CALLS_MAX: Final = 300_000


@dataclass(frozen=True)
class Model:
    """What the calls of a model cost, how long they took, and how often they failed.

    Args:
        errors: Calls that failed.
        unpriced_calls: Calls that used tokens at an unknown cost.
        p50_ms, p95_ms, first_chunk_p50_ms: Of the successful calls; None: there are none. Of more
            than EXACT_CALLS_MAX calls in all they come from bins a fifth of a doubling wide.
        output_tokens_per_s: Of the successful calls, by their whole duration.
    """

    provider: str
    model: str
    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_usd: Decimal
    p50_ms: float | None
    p95_ms: float | None
    first_chunk_p50_ms: float | None
    output_tokens_per_s: float | None

    @property
    def known_usd(self) -> Decimal | None:
        """What its calls cost; None: a call has no price, and the others cost nothing."""
        return known_usd(self.cost_usd, self.unpriced_calls)


@dataclass(frozen=True)
class RateUsed:
    """A rate card that prices a model in use; USD for a million tokens, None: not known.

    Attributes:
        unit_usd: USD for one of what is billed beside tokens, by unit: a search, a second.
    """

    provider: str
    model: str
    service_tier: str
    context_over: int
    variant: str
    valid_from: datetime
    valid_to: datetime
    input_usd_per_million: Decimal | None
    cache_read_usd_per_million: Decimal | None
    cache_write_usd_per_million: Decimal | None
    output_usd_per_million: Decimal | None
    price_id: str
    source: str
    unit_usd: dict[str, Decimal]


def models(store: Answerer, tenant: str, period: Period) -> list[Model]:
    """Return the models that were called, dearest first."""
    parameters = {**period.parameters(tenant), "exact_max": EXACT_CALLS_MAX}
    rows = store.rows(sql.read("queries/models"), parameters)
    return [_model(row) for row in rows]


def rates_used(store: Answerer, tenant: str, period: Period) -> list[RateUsed]:
    """Return the rate cards in force of the models that were called."""
    rows = store.rows(sql.read("queries/rates_used"), period.parameters(tenant))
    return [RateUsed(*row) for row in rows]


def add_models(api: FastAPI, collector: Collected) -> None:
    """Add the routes of models and of the rates in use."""

    @api.get("/v1/models")
    def list_models(tenant: Tenant, since: str = "7d") -> dict[str, Any]:
        """Return the models that were called, dearest first."""
        rows = models(collector.store, tenant, Period.back(since))
        return {"rows": [_known(row) for row in rows]}

    @api.get("/v1/prices/used")
    def list_rates(tenant: Tenant, since: str = "30d") -> dict[str, Any]:
        """Return the rate cards in force of the models that were called."""
        rows = rates_used(collector.store, tenant, Period.back(since))
        return {
            "rows": [
                plain_row({**asdict(row), "unit_usd": plain_row(row.unit_usd)}) for row in rows
            ]
        }


def _known(row: Model) -> dict[str, Any]:
    cost = known_usd(row.cost_usd, row.unpriced_calls)
    return plain_row(asdict(row) | {"cost_usd": cost})


def _model(row: Sequence[Any]) -> Model:
    return Model(*row[:9], *(_number(value) for value in row[9:]))


def _number(value: float | None) -> float | None:
    """Return None for NaN, a percentile of nothing."""
    return None if value is None or value != value else value
