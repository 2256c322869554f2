"""Incidents: what goes on, and one of them with its explanation and what people do with it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response

from tollbook_collector.alert.incident import WrongStep
from tollbook_collector.alert.incidents import UnknownIncident
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.incidents import history, incidents, step_of
from tollbook_collector.answer.pages.chart import history_chart
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.series import hourly
from tollbook_collector.answer.tenant import Analyst, Tenant, name_of

STATUSES: Final = ("open", "resolved", "all")
AROUND: Final = timedelta(days=7)
# What the parts of a change are called on the page.
FACTORS: Final = {
    "requests": "more or fewer calls",
    "tokens_per_request": "longer or shorter calls",
    "mix": "dearer or cheaper models",
    "unit_price": "the price of a token",
    "cache": "what the cache saves",
}


def add_incidents(api: FastAPI, collector: Collected) -> None:
    """Add the pages of incidents."""

    @api.get("/incidents", include_in_schema=False)
    def list_incidents(request: Request, tenant: Tenant, status: str = "open") -> Response:
        rows = incidents(collector.store, tenant, status)
        return page(
            request,
            "incidents",
            {
                "title": "Incidents",
                "status": status,
                "statuses": STATUSES,
                "rows": rows,
                "critical": sum(row["severity"] == "critical" for row in rows),
                # Incidents are about the same calls in part, so that their sum would be too high.
                "dearest": max(
                    (row for row in rows if row["so_far_usd"]),
                    key=lambda row: row["so_far_usd"],
                    default=None,
                ),
            },
        )

    @api.get("/incidents/{incident}", include_in_schema=False)
    def one_incident(request: Request, tenant: Tenant, incident: str, wrong: str = "") -> Response:
        found = incidents(collector.store, tenant, "all", True, incident)
        if len(found) != 1:
            message = f"There is no incident {incident}."
            return page(request, "nothing", {"title": "No such incident", "message": message}, 404)
        return page(request, "incident", _context(collector, tenant, found[0], wrong))

    @api.post("/incidents/{incident}/{action}", include_in_schema=False)
    def act(
        analyst: Analyst,
        incident: str,
        action: str,
        note: Annotated[str, Form()] = "",
        value: Annotated[str, Form()] = "",
    ) -> Response:
        step = step_of(action, name_of(analyst), note, value)
        back = f"/incidents/{incident}"
        try:
            collector.incidents.act(analyst.tenant, incident, step)
        except (UnknownIncident, WrongStep) as error:
            return RedirectResponse(f"{back}?wrong={_quoted(str(error.args[0]))}", 303)
        return RedirectResponse(back, 303)


def _context(
    collector: Collected, tenant: str, found: dict[str, Any], wrong: str
) -> dict[str, Any]:
    evidence = _evidence(found["evidence"])
    parts = [
        row
        for row in incidents(collector.store, tenant, "all", True)
        if row["parent"] == found["incident"]
    ]
    started_at = found["started_at"].replace(tzinfo=UTC)
    until = min(datetime.now(UTC) + timedelta(hours=1), started_at + AROUND)
    spend = hourly(collector.store, tenant, found["dimensions"], started_at - AROUND, until)
    return {
        "title": found["title"],
        "incident": found,
        "evidence": evidence,
        "factors": sorted(
            (
                (FACTORS.get(name, name), amount)
                for name, amount in _amounts(evidence.get("decomposition_usd")).items()
            ),
            key=lambda one: -abs(one[1]),
        ),
        "dimensions": [
            {**row, **_amounts({k: v for k, v in row.items() if k.endswith("_usd")})}
            for row in _list(evidence.get("dimensions"))
            if isinstance(row, dict)
        ],
        "first_calls": [one for one in _list(evidence.get("first_calls")) if _is_call(one)],
        "markers": [one for one in _list(evidence.get("markers")) if isinstance(one, dict)],
        "facts": {
            name: value
            for name, value in evidence.items()
            if isinstance(value, str | int | float) and not name.endswith("_usd")
        },
        "parts": parts,
        "events": history(collector.store, tenant, found["incident"]),
        "chart_data": history_chart(
            spend, started_at - AROUND, [(started_at, "began")], "spend an hour"
        )
        # What has no price has cost nothing that is known, and a chart of it would say 0.
        if spend is not None and any(spend)
        else {"series": []},
        "wrong": wrong,
    }


def _evidence(text: str) -> dict[str, Any]:
    known = json.loads(text) if text else {}
    return known if isinstance(known, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _amounts(amounts: Any) -> dict[str, Decimal]:
    """Return those values of a mapping that are money, as decimals."""
    found = {}
    for name, value in amounts.items() if isinstance(amounts, Mapping) else ():
        try:
            found[str(name)] = Decimal(str(value))
        except InvalidOperation:
            continue
    return found


def _is_call(text: Any) -> bool:
    trace, _, span = str(text).partition("/")
    return len(trace) == 32 and len(span) == 16 and (trace + span).isalnum()


def _quoted(text: str) -> str:

    return quote(text[:500])
