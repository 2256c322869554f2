"""What a trace cost: one row of sums that are kept by trace, and no span is read for it.

The sums begin with the version that brought them. While a store still has spans of before, they
are asked instead, which takes longer and says the same.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.calls import check_ids
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, known_usd
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

# Retention takes spans of before away some day: so often it is asked whether it has.
ASK_AGAIN_S: Final = 600.0


@dataclass(frozen=True)
class TraceCost:
    """What a trace cost.

    Args:
        spans: All of them, also those that are no model call.
        calls: Model calls, each billed one once.
        unpriced_calls: Of them, those that used tokens at an unknown cost.
        cost_usd: Of the priced ones, exact; None: a call has no price, and the others cost nothing.
    """

    spans: int
    calls: int
    unpriced_calls: int
    cost_usd: Decimal | None


class TraceCosts:
    """Answers what traces cost.

    Args:
        store: Gives the store; may raise StoreUnavailable.
        clock: Seconds that never go back.
    """

    def __init__(
        self, store: Callable[[], Answerer], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._added_up = False
        self._ask_at = 0.0

    def of(self, tenant: str, trace_id: str) -> TraceCost | None:
        """Return what a trace cost, however many spans it has; None if there is no such trace.

        Raises:
            WrongQuestion: The id is not 32 hexadecimal digits.
            StoreUnavailable, StoreRefused: The store did not answer.
        """
        check_ids(trace_id)
        store = self._store()
        parameters = {"tenant": tenant, "trace": trace_id}
        if self._all_added_up(store):
            rows = store.rows(sql.read("queries/trace_cost"), parameters)
        else:
            rows = store.rows(sql.read("queries/trace_cost_of_old"), parameters)
        spans, calls, unpriced_calls = (sum(row[place] for row in rows) for place in range(3))
        usd = sum((row[3] for row in rows), Decimal(0))
        known = known_usd(usd, unpriced_calls)
        return TraceCost(spans, calls, unpriced_calls, known) if spans else None

    def _all_added_up(self, store: Answerer) -> bool:
        if not self._added_up and self._clock() >= self._ask_at:
            ((added_up,),) = store.rows(sql.read("queries/traces_added_up"))
            self._added_up = bool(added_up)
            self._ask_at = self._clock() + ASK_AGAIN_S
        return self._added_up


def add_trace_cost(api: FastAPI, collector: Collected) -> None:
    """Add the route of a trace's cost."""
    costs = TraceCosts(lambda: collector.store)

    @api.get("/v1/traces/{trace_id}/cost")
    def cost_of_trace(tenant: Tenant, trace_id: str) -> Response:
        """Return what a trace cost: its spans, its model calls and their cost."""
        found = costs.of(tenant, trace_id)
        if found is None:
            return JSONResponse({"error": f"there is no trace {trace_id}"}, 404)
        return JSONResponse(plain_row(asdict(found)))
