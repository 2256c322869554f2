"""Data health: whether every span that came is stored, and what became of the others."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.books import books
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.tenant import Tenant


def add_data(api: FastAPI, collector: Collected) -> None:
    """Add the page of data health."""

    @api.get("/data", include_in_schema=False)
    def data(request: Request, tenant: Tenant, since: str = "24h") -> Response:
        rows = books(collector.store, tenant, Period.back(since))
        return page(
            request,
            "data",
            {
                "title": "Data health",
                "since": since,
                "rows": rows,
                "received": sum(row.received for row in rows),
                "stored": sum(row.stored for row in rows),
                "rejected": sum(row.rejected for row in rows),
                "dropped": sum(row.dropped for row in rows),
                "imbalance": sum(abs(row.imbalance) for row in rows),
                "faults": collector.faults(),
            },
        )
