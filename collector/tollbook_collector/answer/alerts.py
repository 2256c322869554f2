"""Alerts over REST: what was sent, what is dead, trying again, and a test."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Protocol

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tollbook_collector.alert.deliver import Deliver, UnknownWebhook
from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.questions import Answerer, WrongQuestion
from tollbook_collector.answer.tenant import AnalystTenant, Tenant
from tollbook_collector.store import sql

ROWS_MAX: Final = 500
STATES: Final = ("", "waiting", "delivered", "dead", "muted", "grouped")
COLUMNS: Final = (
    "message",
    "incident",
    "sequence",
    "type",
    "severity",
    "title",
    "route",
    "webhook",
    "state",
    "reason",
    "attempts",
    "next_at",
    "created_at",
)
ATTEMPT_COLUMNS: Final = ("attempt", "at", "took_ms", "status", "outcome", "error", "webhook")


class Sending(Protocol):
    """What the routes need of the collector."""

    alerts: Deliver

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""


def alerts(store: Answerer, tenant: str, state: str = "", begins: str = "") -> list[dict[str, Any]]:
    """Return messages of a tenant, newest first; a key for each of COLUMNS.

    Args:
        store: The store.
        tenant: Whose messages.
        state: One of STATES; empty: any.
        begins: How the id begins; empty: any.

    Raises:
        WrongQuestion: The state is none of these.
    """
    if state not in STATES:
        raise WrongQuestion(f"{state!r} is not a state; {', '.join(STATES[1:])} are")
    parameters = {"tenant": tenant, "state": state, "message": begins, "limit": ROWS_MAX}
    rows = store.rows(sql.read("queries/alerts"), parameters)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def attempts(store: Answerer, tenant: str, message: str) -> list[dict[str, Any]]:
    """Return the tries to deliver a message, oldest first; a key for each of ATTEMPT_COLUMNS."""
    parameters = {"tenant": tenant, "message": message, "limit": ROWS_MAX}
    rows = store.rows(sql.read("queries/alert_attempts"), parameters)
    return [dict(zip(ATTEMPT_COLUMNS, row, strict=True)) for row in rows]


def add_alerts(api: FastAPI, collector: Sending) -> None:
    """Add the routes about alerts."""

    def unknown(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error.args[0])}, 404)

    api.add_exception_handler(UnknownWebhook, unknown)

    @api.get("/v1/alerts")
    def show_alerts(tenant: Tenant, state: str = "") -> dict[str, Any]:
        """Return what was sent, waits, is dead or was kept back and why, newest first."""
        return {"rows": [_shown(row) for row in alerts(collector.store, tenant, state)]}

    @api.get("/v1/alerts/{message}")
    def show_alert(tenant: Tenant, message: str) -> dict[str, Any]:
        """Return one message with its tries."""
        found = alerts(collector.store, tenant, "", message)
        if len(found) != 1:
            raise WrongQuestion(f"{len(found)} alerts have an id that begins with {message!r}")
        tries = attempts(collector.store, tenant, found[0]["message"])
        return {**_shown(found[0]), "tries": [_shown(row) for row in tries]}

    @api.post("/v1/alerts/test")
    def test(tenant: AnalystTenant, webhook: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        """Send a test to a webhook and return what came of it."""
        outcome = collector.alerts.test(webhook, tenant)
        return {"webhook": webhook, "delivered": outcome.delivered, **asdict(outcome)}

    @api.post("/v1/alerts/replay")
    def replay(tenant: AnalystTenant, message: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        """Try dead messages again: those whose ids begin so, or all."""
        begins = "" if message == "all" else message
        return {"messages": collector.alerts.replay(tenant, begins)}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return plain_row(row)
