"""Agents: what each of them costs, a day and a run, and how its runs end."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.runs import AgentDay, agents
from tollbook_collector.answer.tenant import Tenant

SHOWN: Final = 7


def add_agents(api: FastAPI, collector: Collected) -> None:
    """Add the page of agents."""

    @api.get("/agents", include_in_schema=False)
    def show(request: Request, tenant: Tenant, since: str = "30d") -> Response:
        period = Period.back(since)
        found, days = agents(collector.store, tenant, period)
        return page(
            request,
            "agents",
            {
                "title": "Agents",
                "since": since,
                "tasks": found,
                "cost_usd": sum((task.cost_usd for task in found), Decimal(0)),
                "widest": max(
                    (task for task in found if task.cost_p50_usd and task.cost_max_usd),
                    key=lambda task: (task.cost_max_usd or 0) / (task.cost_p50_usd or 1),
                    default=None,
                ),
                "chart_data": _chart(days, [task.run for task in found]),
            },
        )


def _chart(days: list[AgentDay], names: list[str]) -> dict[str, Any]:
    dates = sorted({one.day for one in days})
    place = {day: at for at, day in enumerate(dates)}
    lines: dict[str, list[float]] = {}
    for one in days:
        name = one.run if one.run in names[:SHOWN] else "(other)"
        line = lines.setdefault(name, [0.0] * len(dates))
        line[place[one.day]] += float(one.cost_usd)
    order = [name for name in (*names[:SHOWN], "(other)") if name in lines]
    return {
        "x": [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in dates],
        "unit": "usd",
        "bucket_s": 86_400,
        "series": [
            {"label": name or "(no name)", "values": lines[name], "other": name == "(other)"}
            for name in order
        ],
    }
