"""Calls: the list with its filters, and one call with the arithmetic of its cost and its trace."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.calls import Wanted, call, calls, trace
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.pages.waterfall import waterfall
from tollbook_collector.answer.parts import parts_of
from tollbook_collector.answer.questions import Answerer, Period, Spend
from tollbook_collector.answer.runs import run_of
from tollbook_collector.answer.series import spend_series
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.answer.trace_cost import TraceCosts
from tollbook_collector.store.dimensions import FILTERS_MAX, Filter


def add_calls(api: FastAPI, collector: Collected) -> None:
    """Add the list of calls."""

    @api.get("/calls", include_in_schema=False)
    def list_calls(
        request: Request,
        tenant: Tenant,
        since: str = "24h",
        model: str = "",
        service: str = "",
        team: str = "",
        feature: str = "",
        customer: str = "",
        only: str = "",
        order: str = "time",
        after: str = "",
    ) -> Response:
        wanted = Wanted(
            models=_one(model),
            services=_one(service),
            teams=_one(team),
            features=_one(feature),
            customers=_one(customer),
            only=only,
            order=order,
            after=after,
        )
        period = Period.back(since)
        filters = {
            "model": model,
            "service": service,
            "team": team,
            "feature": feature,
            "customer": customer,
        }
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            listed = asking.submit(calls, collector.store, tenant, period, wanted)
            summed = asking.submit(_all, collector.store, tenant, period, filters)
        return page(
            request,
            "calls",
            {
                "title": "Calls",
                "since": since,
                "page": listed.result(),
                "all": summed.result(),
                "filters": filters,
                "only": only,
                "order": order,
                "after": after,
            },
        )


def add_call(api: FastAPI, collector: Collected) -> None:
    """Add the page of one call."""
    costs = TraceCosts(lambda: collector.store)

    @api.get("/calls/{trace_id}/{span_id}", include_in_schema=False)
    def one_call(request: Request, tenant: Tenant, trace_id: str, span_id: str) -> Response:
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            around = asking.submit(trace, collector.store, tenant, trace_id)
            whole = asking.submit(costs.of, tenant, trace_id)
            found = call(collector.store, tenant, trace_id, span_id)
            parts = asking.submit(parts_of, collector.store, found) if found else None
        if found is None or parts is None:
            message = f"There is no call {span_id} in a trace {trace_id}."
            return page(request, "nothing", {"title": "No such call", "message": message}, 404)
        bars, trace_ns = waterfall(around.result())
        return page(
            request,
            "call",
            {
                "title": f"Call {span_id}",
                "call": found,
                "parts": parts.result(),
                "run": run_of(found),
                "bars": bars,
                "whole": whole.result(),
                "trace_ns": trace_ns,
            },
        )


def _all(store: Answerer, tenant: str, period: Period, filters: Mapping[str, str]) -> Spend | None:
    """Return all calls that the filters let through as one sum; None: they are too many to ask."""
    chosen = [Filter(name, only=(value,)) for name, value in filters.items() if value]
    if len(chosen) > FILTERS_MAX:
        return None
    points = spend_series(store, tenant, period, filters=chosen).points
    return Spend(
        dimensions={},
        calls=sum(point.calls for point in points),
        errors=sum(point.errors for point in points),
        unpriced_calls=sum(point.unpriced_calls for point in points),
        input_tokens=0,
        cache_read_tokens=0,
        output_tokens=0,
        cost_usd=sum((point.cost_usd for point in points), Decimal(0)),
    )


def _one(value: str) -> list[str]:
    return [value] if value else []
