"""REST: the questions over HTTP, and what the collector says about itself."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import Body, FastAPI, Query, Request
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tollbook_collector import prometheus
from tollbook_collector.answer import questions
from tollbook_collector.answer.alerts import add_alerts
from tollbook_collector.answer.anomalies import add_anomalies
from tollbook_collector.answer.as_json import plain, plain_row
from tollbook_collector.answer.audit import add_audit
from tollbook_collector.answer.backups import add_backups
from tollbook_collector.answer.bookkeeping import add_bookkeeping
from tollbook_collector.answer.books import add_books
from tollbook_collector.answer.budgets import add_budgets
from tollbook_collector.answer.calls import add_calls
from tollbook_collector.answer.change import add_change
from tollbook_collector.answer.clickhouse_door import add_clickhouse_door
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.compare import add_compare
from tollbook_collector.answer.drift import add_drift
from tollbook_collector.answer.focus import add_focus
from tollbook_collector.answer.forecast import add_forecast
from tollbook_collector.answer.guard import SqlRefused
from tollbook_collector.answer.incidents import add_incidents
from tollbook_collector.answer.keys import add_keys
from tollbook_collector.answer.ledger import add_ledger
from tollbook_collector.answer.limits import add_limits
from tollbook_collector.answer.login import add_login
from tollbook_collector.answer.models import add_models
from tollbook_collector.answer.openid import add_openid
from tollbook_collector.answer.pages import add_pages
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period, WrongQuestion
from tollbook_collector.answer.reconcile import add_reconcile
from tollbook_collector.answer.runs import add_runs
from tollbook_collector.answer.savings import add_savings
from tollbook_collector.answer.series import add_series
from tollbook_collector.answer.sessions import add_sessions
from tollbook_collector.answer.tenant import AnalystTenant, Reader, Tenant, is_browsing, may_read
from tollbook_collector.answer.top import add_top
from tollbook_collector.answer.trace_cost import add_trace_cost
from tollbook_collector.answer.user_sql import SqlIsOff, UserSql
from tollbook_collector.answer.views import add_views
from tollbook_collector.store.client import StoreRefused, StoreUnavailable

MEDIA_TYPES: Final = {
    "json": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "table": "application/json",
}
# How long a health check may take before the store counts as away.
HEALTH_TIMEOUT_S: Final = 5.0


def create_api(collector: Collected) -> FastAPI:
    """Return the application behind the API port."""
    api = FastAPI(title="tollbook", docs_url=None, redoc_url=None)
    api.state.collector = collector
    _add_errors(api)
    _add_health(api, collector)
    _add_questions(api, collector)
    add_login(api, collector.keyring)
    add_openid(api, collector.keyring, lambda: collector.policy, collector.oidc_secret)
    add_audit(api, collector, collector.audit)
    add_keys(api, collector)
    add_anomalies(api, collector)
    add_drift(api, collector)
    add_series(api, collector)
    add_calls(api, collector)
    add_trace_cost(api, collector)
    add_top(api, collector)
    add_sessions(api, collector)
    add_runs(api, collector)
    add_savings(api, collector)
    add_views(api, collector)
    add_compare(api, collector)
    add_bookkeeping(api, collector)
    add_focus(api, collector)
    add_reconcile(api, collector)
    add_models(api, collector)
    add_backups(api, collector)
    add_books(api, collector)
    add_pages(api, collector)
    add_budgets(api, collector)
    add_limits(api, collector)
    add_forecast(api, collector)
    add_incidents(api, collector)
    add_alerts(api, collector)
    add_ledger(api, collector)
    add_change(api, collector)
    return api


def _add_errors(api: FastAPI) -> None:
    def answer(status: int) -> Callable[[Request, Exception], Response]:
        def respond(request: Request, error: Exception) -> Response:
            if request.url.path.startswith("/v1/"):
                return JSONResponse({"error": str(error)}, status)
            return page(request, "nothing", {"title": "No answer", "message": str(error)}, status)

        return respond

    api.add_exception_handler(WrongQuestion, answer(400))
    api.add_exception_handler(SqlRefused, answer(400))
    api.add_exception_handler(SqlIsOff, answer(403))
    api.add_exception_handler(StoreRefused, answer(400))
    api.add_exception_handler(StoreUnavailable, answer(503))
    api.add_exception_handler(HTTPException, _refuse)
    api.add_exception_handler(RequestValidationError, _refuse_parameter)


async def _refuse(request: Request, error: Exception) -> Response:
    """Say no to a browser on a page, to a program in JSON."""
    assert isinstance(error, HTTPException)
    if not is_browsing(request):
        return await http_exception_handler(request, error)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    context = {"title": "No answer", "message": str(error.detail)}
    return page(request, "nothing", context, error.status_code)


async def _refuse_parameter(request: Request, error: Exception) -> Response:
    """Say what is wrong with an address: to a browser on a page, to a program in JSON."""
    assert isinstance(error, RequestValidationError)
    if not is_browsing(request):
        return await request_validation_exception_handler(request, error)
    wrong = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
    return page(request, "nothing", {"title": "No answer", "message": wrong}, 400)


def _add_health(api: FastAPI, collector: Collected) -> None:
    @api.get("/health")
    async def health(request: Request) -> Response:
        """Say what the collector has done and holds; 503: it cannot do its work.

        Who has no key is told whether it is well, and nothing else.
        """
        faults = collector.faults()
        stored: dict[str, int] = {}
        try:
            asking = asyncio.to_thread(lambda: questions.health(collector.store))
            stored = await asyncio.wait_for(asking, HEALTH_TIMEOUT_S)
        except TimeoutError:
            faults.append(f"the store did not answer within {HEALTH_TIMEOUT_S} s")
        except (StoreUnavailable, StoreRefused) as error:
            faults.append(f"the store does not answer: {error}")
        # Doubts are no reason to send the senders away.
        answered = 503 if faults else 200
        faults += collector.doubts()
        status = "degraded" if faults else "ok"
        if not may_read(request):
            return JSONResponse({"status": status}, answered)
        body = {
            "status": status,
            "faults": faults,
            "store": stored,
            **collector.status(),
        }
        return JSONResponse(body, answered)

    @api.get("/live")
    async def live() -> Response:
        """Say whether spans are taken, which they are also while the store is away."""
        taken = collector.takes_spans
        return JSONResponse({"live": taken}, 200 if taken else 503)

    @api.get("/ready")
    async def ready(request: Request) -> Response:
        """Say whether spans are taken and questions answered, by asking one."""
        asking = asyncio.to_thread(lambda: questions.health(collector.store))
        try:
            await asyncio.wait_for(asking, HEALTH_TIMEOUT_S)
        except (TimeoutError, StoreUnavailable, StoreRefused) as error:
            said = {"error": str(error)} if may_read(request) else {}
            return JSONResponse({"ready": False, **said}, 503)
        faults = collector.faults()
        body: dict[str, Any] = {"ready": not faults}
        if may_read(request):
            body["faults"] = faults
        return JSONResponse(body, 503 if faults else 200)

    @api.get("/metrics")
    def metrics(_: Reader) -> Response:
        """Return the collector's own counts as Prometheus reads them."""
        status, faults = collector.status(), len(collector.faults())
        text = prometheus.exposition(status, faults, collector.store_counts())
        return Response(text, media_type=prometheus.CONTENT_TYPE)


def _add_questions(api: FastAPI, collector: Collected) -> None:
    user_sql = UserSql(collector)
    add_clickhouse_door(api, user_sql)

    @api.get("/v1/spend")
    def spend(tenant: Tenant, by: str = "model", since: str = "7d") -> Response:
        """Return spend by one or more dimensions, dearest first, and its total."""
        period = Period.back(since)
        rows = questions.spend(collector.store, tenant, period, by.split(","))
        if len(rows) < questions.ROWS_MAX:
            total = questions.summed(rows)
        else:
            total = questions.spend_total(collector.store, tenant, period)
        return JSONResponse(
            {
                "since": plain(period.since),
                "until": plain(period.until),
                "rows": [_spend(row) for row in rows],
                "total": _spend(total),
            }
        )

    @api.get("/v1/latency")
    def latency(tenant: Tenant, since: str = "7d") -> dict[str, Any]:
        """Return how long the successful calls of each model took."""
        rows = questions.latency(collector.store, tenant, Period.back(since))
        return {"rows": [plain_row(asdict(row)) for row in rows]}

    @api.get("/v1/unpriced")
    def unpriced(tenant: Tenant, since: str = "7d") -> dict[str, Any]:
        """Return the models whose calls have no price, and why."""
        rows = questions.unpriced(collector.store, tenant, Period.back(since))
        return {"rows": [asdict(row) for row in rows]}

    @api.post("/v1/sql")
    def run_sql(
        request: Request,
        tenant: AnalystTenant,
        text: Annotated[str, Body(media_type="text/plain")],
        format: Annotated[str, Query()] = "json",
        name: Annotated[str, Query()] = "",
    ) -> Response:
        """Run one SELECT over the tables of the tenant and return its rows."""
        request.state.statement = text
        body = user_sql.run(tenant, text, format, name)
        return Response(body, media_type=MEDIA_TYPES[format])

    @api.delete("/v1/sql/{name}")
    def cancel_sql(tenant: AnalystTenant, name: str) -> dict[str, Any]:
        """End the statements that run under a name, given as `name` where they were asked."""
        return {"cancelled": user_sql.cancel(tenant, name)}


def _spend(row: questions.Spend) -> dict[str, Any]:
    cost = questions.known_usd(row.cost_usd, row.unpriced_calls)
    # Nothing else in it is written otherwise in JSON: of a thousand rows that is half of the work.
    return {**vars(row), "cost_usd": plain(cost)}
