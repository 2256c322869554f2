"""The books of intake: what came, and what became of each span, log record and metric point."""

from dataclasses import asdict, dataclass
from typing import Any

from fastapi import FastAPI

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql


@dataclass(frozen=True)
class Book:
    """What came of one signal with one key, and what became of it.

    Args:
        signal: traces, logs or metrics.
        key: Public id of the key; empty: it came without one.
        received: Spans, log records or metric points that arrived.
        stored, rejected, dropped: What became of them.
        imbalance: Accepted and not stored: on their way, or missing.
        fates: Number by what happened, in full.
    """

    signal: str
    key: str
    received: int
    stored: int
    rejected: int
    dropped: int
    imbalance: int
    fates: dict[str, int]


def books(store: Answerer, tenant: str, period: Period) -> list[Book]:
    """Return the books of what arrived in a period, most received first."""
    rows = store.rows(sql.read("queries/books_by_signal"), period.parameters(tenant))
    return [Book(*row) for row in rows]


def add_books(api: FastAPI, collector: Collected) -> None:
    """Add the route of the books."""

    @api.get("/v1/books")
    def list_books(tenant: Tenant, since: str = "24h") -> dict[str, Any]:
        """Return what arrived, by signal and key, and what became of it."""
        rows = books(collector.store, tenant, Period.back(since))
        return {"rows": [asdict(row) for row in rows]}
