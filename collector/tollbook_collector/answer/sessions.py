"""Sessions and conversations: what each cost, dearest first."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

PAGE_SESSIONS: Final = 100
PAGE_SESSIONS_MAX: Final = 1_000
SKIP_MAX: Final = 100_000
COLUMNS: Final = (
    "session",
    "user_id",
    "first_call",
    "last_call",
    "calls",
    "errors",
    "unpriced_calls",
    "models",
    "input_tokens",
    "output_tokens",
    "cost_usd",
)


def sessions(
    store: Answerer, tenant: str, period: Period, skip: int = 0, limit: int = PAGE_SESSIONS
) -> Sequence[dict[str, Any]]:
    """Return sessions whose newest call was in a period, dearest first; a key for each of COLUMNS.

    Raises:
        WrongQuestion: The page is not one that there is.
    """
    if not 1 <= limit <= PAGE_SESSIONS_MAX + 1:
        raise WrongQuestion(f"limit is {limit}, it may be 1 to {PAGE_SESSIONS_MAX}")
    if not 0 <= skip <= SKIP_MAX:
        raise WrongQuestion(f"after is {skip}, it may be up to {SKIP_MAX}")
    parameters = {**period.parameters(tenant), "skip": skip, "limit": limit}
    rows = store.rows(sql.read("queries/sessions"), parameters)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def add_sessions(api: FastAPI, collector: Collected) -> None:
    """Add the route."""

    @api.get("/v1/sessions")
    def list_sessions(
        tenant: Tenant, since: str = "7d", after: int = 0, limit: int = PAGE_SESSIONS
    ) -> dict[str, Any]:
        """Return a page of sessions; `after` is the cursor that the page before gave."""
        if limit > PAGE_SESSIONS_MAX:
            raise WrongQuestion(f"limit is {limit}, it may be 1 to {PAGE_SESSIONS_MAX}")
        rows = sessions(collector.store, tenant, Period.back(since), after, limit + 1)
        shown = [plain_row(row) for row in rows[:limit]]
        return {"rows": shown, "after": after + limit if len(rows) > limit else None}
