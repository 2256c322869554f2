"""Runs of agents: the dear ones, and one run step by step with the cost of each step."""

from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.pages.waterfall import waterfall
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.runs import agents, run, runs, steps
from tollbook_collector.answer.tenant import Tenant

# Fewer different calls than this share of all is shown as a doubt.
LOOP_SHARE = 0.1
LOOP_CALLS_MIN = 20


def add_runs(api: FastAPI, collector: Collected) -> None:
    """Add the pages of runs."""

    @api.get("/runs", include_in_schema=False)
    def list_runs(
        request: Request,
        tenant: Tenant,
        since: str = "7d",
        run: str = "",
        order: str = "cost",
        after: str = "",
    ) -> Response:
        period = Period.back(since)
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            listed = asking.submit(runs, collector.store, tenant, period, run, order, after)
            by_task = asking.submit(agents, collector.store, tenant, period)
        found, (by_name, _) = listed.result(), by_task.result()
        return page(
            request,
            "runs",
            {
                "title": "Runs",
                "since": since,
                "name": run,
                "order": order,
                "after": after,
                "page": found,
                "tasks": [task for task in by_name if run in ("", task.run)],
                "names": sorted(task.run for task in by_name),
                "dearest_usd": max((one.cost_usd for one in found.runs), default=None),
            },
        )

    @api.get("/runs/{run_id:path}", include_in_schema=False)
    def one_run(request: Request, tenant: Tenant, run_id: str) -> Response:
        found = run(collector.store, tenant, run_id)
        spans = steps(collector.store, tenant, found) if found else []
        if found is None or not spans:
            message = f"There is no run {run_id}."
            return page(request, "nothing", {"title": "No such run", "message": message}, 404)
        bars, whole_ns = waterfall(spans)
        different = found.different_calls or 0
        return page(
            request,
            "run",
            {
                "title": f"Run {found.run or run_id}",
                "run": found,
                "bars": bars,
                "whole_ns": whole_ns,
                "dearest": max(
                    (bar.span for bar in bars if bar.span.cost_usd),
                    key=lambda span: span.cost_usd or 0,
                    default=None,
                ),
                "looping": found.calls >= LOOP_CALLS_MIN and different < found.calls * LOOP_SHARE,
            },
        )
