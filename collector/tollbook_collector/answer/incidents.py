"""Incidents over REST: listing them, and what people do with them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tollbook_collector.alert import incident as steps
from tollbook_collector.alert.incident import Incident, WrongStep
from tollbook_collector.alert.incidents import Incidents, UnknownIncident
from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Analyst, Tenant, name_of
from tollbook_collector.store import sql

ROWS_MAX: Final = 1_000
COLUMNS: Final = (
    "incident",
    "sequence",
    "at",
    "event",
    "status",
    "kind",
    "channel",
    "severity",
    "title",
    "explanation",
    "dimensions",
    "started_at",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
    "snoozed_until",
    "owner",
    "parent",
    "feedback",
    "so_far_usd",
    "projected_usd",
    "evidence",
    "sources",
    "active",
)
EVENT_COLUMNS: Final = (
    "sequence",
    "at",
    "event",
    "actor",
    "note",
    "status",
    "severity",
    "so_far_usd",
    "projected_usd",
    "explanation",
)
STATUSES: Final = ("open", "resolved", "all")


class Handling(Protocol):
    """What the routes need of the collector."""

    incidents: Incidents

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""


def incidents(
    store: Answerer, tenant: str, status: str = "open", suppressed: bool = False, begins: str = ""
) -> list[dict[str, Any]]:
    """Return incidents of a tenant, the most pressing first; a key for each of COLUMNS.

    Args:
        store: The store.
        tenant: Whose incidents.
        status: open (anything but resolved), resolved or all.
        suppressed: Also those that are parts of others.
        begins: How the id begins; empty: any.

    Raises:
        WrongQuestion: The status is none of these.
    """
    if status not in STATUSES:
        raise WrongQuestion(f"{status!r} is not a status; {', '.join(STATUSES)} are")
    parameters = {
        "tenant": tenant,
        "status": status,
        "suppressed": suppressed,
        "incident": begins,
        "limit": ROWS_MAX,
    }
    rows = store.rows(sql.read("queries/incidents"), parameters)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def history(store: Answerer, tenant: str, incident: str) -> list[dict[str, Any]]:
    """Return what happened to an incident, oldest first; a key for each of EVENT_COLUMNS."""
    parameters = {"tenant": tenant, "incident": incident, "limit": ROWS_MAX}
    rows = store.rows(sql.read("queries/incident_events"), parameters)
    return [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in rows]


def add_incidents(api: FastAPI, collector: Handling) -> None:
    """Add the routes about incidents."""
    _add_errors(api)

    @api.get("/v1/incidents")
    def show_incidents(
        tenant: Tenant, status: str = "open", suppressed: bool = False
    ) -> dict[str, Any]:
        """Return the incidents, the most pressing first; money is text, unknown is null."""
        return {
            "rows": [_shown(row) for row in incidents(collector.store, tenant, status, suppressed)]
        }

    @api.get("/v1/incidents/{incident}")
    def show_incident(tenant: Tenant, incident: str) -> dict[str, Any]:
        """Return one incident, by the beginning of its id, with its history and its parts."""
        found = incidents(collector.store, tenant, "all", True, incident)
        if len(found) != 1:
            raise UnknownIncident(
                f"{len(found)} incidents have an id that begins with {incident!r}"
            )
        name = found[0]["incident"]
        events = history(collector.store, tenant, name)
        parts = [
            row for row in incidents(collector.store, tenant, "all", True) if row["parent"] == name
        ]
        return {
            **_shown(found[0]),
            "history": [plain_row(row) for row in events],
            "parts": [row["incident"] for row in parts],
        }

    @api.post("/v1/incidents/{incident}/{action}")
    def act(
        analyst: Analyst,
        incident: str,
        action: str,
        note: Annotated[str, Body()] = "",
        actor: Annotated[str, Body()] = "",
        value: Annotated[str, Body()] = "",
    ) -> dict[str, Any]:
        """Do something with an incident: acknowledge, resolve, snooze, note, owner, feedback."""
        step = step_of(action, actor or name_of(analyst), note, value)
        after = collector.incidents.act(analyst.tenant, incident, step)
        return {"incident": after.incident, "status": after.status, "sequence": after.sequence}


def step_of(
    action: str, actor: str, note: str, value: str
) -> Callable[[Incident, datetime], Incident]:
    """Return what an action does to an incident.

    Args:
        action: acknowledge, resolve, snooze, note, owner or feedback.
        actor: Who does it.
        note: Words for the history.
        value: How long it sleeps (8h), who has it, or what it was: expected, real or planned.

    Raises:
        WrongQuestion: There is no such action, or no such length of time.
    """
    known: dict[str, Callable[[Incident, datetime], Incident]] = {
        "acknowledge": lambda i, now: steps.acknowledged(i, now, actor, note),
        "resolve": lambda i, now: steps.resolved(i, now, actor, note),
        "snooze": lambda i, now: steps.snoozed(i, now, actor, note, now + _length(value)),
        "note": lambda i, now: steps.noted(i, now, actor, note),
        "owner": lambda i, now: steps.owned(i, now, actor, note, value),
        "feedback": lambda i, now: steps.judged(i, now, actor, note, value),
    }
    if action not in known:
        raise WrongQuestion(f"{action!r} cannot be done; {', '.join(known)} can")
    return known[action]


def _length(value: str) -> timedelta:
    now = datetime.now(UTC)
    return now - Period.back(value or "?", now).since


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown = plain_row(row)
    shown["evidence"] = json.loads(row["evidence"]) if row["evidence"] else {}
    return shown


def _add_errors(api: FastAPI) -> None:
    def answer(status: int) -> Callable[[Request, Exception], Response]:
        def respond(request: Request, error: Exception) -> Response:
            return JSONResponse({"error": str(error.args[0])}, status)

        return respond

    api.add_exception_handler(UnknownIncident, answer(404))
    api.add_exception_handler(WrongStep, answer(409))
