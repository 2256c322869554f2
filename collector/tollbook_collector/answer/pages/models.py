"""Models side by side: price, latency, errors and cache share on one's own calls."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.models import EXACT_CALLS_MAX, models
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.tenant import Tenant


def add_models(api: FastAPI, collector: Collected) -> None:
    """Add the page of models."""

    @api.get("/models", include_in_schema=False)
    def list_models(request: Request, tenant: Tenant, since: str = "7d") -> Response:
        rows = models(collector.store, tenant, Period.back(since))
        priced = [row for row in rows if row.cost_usd and row.input_tokens + row.output_tokens]
        timed = [row for row in rows if row.p95_ms is not None]
        return page(
            request,
            "models",
            {
                "title": "Models",
                "since": since,
                "rows": rows,
                "binned": sum(row.calls for row in rows) > EXACT_CALLS_MAX,
                "dearest": max(
                    priced,
                    key=lambda row: row.cost_usd / (row.input_tokens + row.output_tokens),
                    default=None,
                ),
                "slowest": max(timed, key=lambda row: row.p95_ms or 0.0, default=None),
                "slowest_ms": max((row.p95_ms or 0.0 for row in timed), default=0.0),
            },
        )
