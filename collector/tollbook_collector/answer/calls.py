"""Model calls one by one: the list, one call, and the trace that it is part of."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, Response

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

PAGE_CALLS: Final = 100
PAGE_CALLS_MAX: Final = 1_000
# Pages of the orders that have no cursor; beyond, a filter finds a call sooner.
SKIP_MAX: Final = 100_000
TRACE_SPANS_MAX: Final = 5_000
FILTER_VALUES_MAX: Final = 100
# By the column of queries/calls that each sorts by.
ORDERS: Final = {"time": "started_at", "cost": "charged_usd", "duration": "duration_ns"}
ONLY: Final = ("", "failed", "unpriced")
TRACE: Final = re.compile(r"[0-9a-f]{32}")
SPAN: Final = re.compile(r"[0-9a-f]{16}")
# Money is text in JSON: a number would be read as a float by most.
EXACT_JSON: Final = {
    "output_format_json_quote_decimals": 1,
    "output_format_json_quote_64bit_integers": 0,
}


@dataclass(frozen=True)
class Wanted:
    """Which calls, in which order, and which page of them.

    Args:
        models, services, teams, features, customers: Values wanted; empty: any.
        only: `failed`, `unpriced`, or empty for all.
        order: `time` (newest first), `cost` or `duration` (largest first).
        after: The cursor of the page before, as CallPage gives it; empty: the first page.
        limit: Calls on a page.
    """

    models: Sequence[str] = ()
    services: Sequence[str] = ()
    teams: Sequence[str] = ()
    features: Sequence[str] = ()
    customers: Sequence[str] = ()
    only: str = ""
    order: str = "time"
    after: str = ""
    limit: int = PAGE_CALLS


@dataclass(frozen=True)
class Call:
    """A model call; times in nanoseconds, None: not known or not streamed.

    `started_ns`, since the epoch, is `started_at` in full: a datetime ends at microseconds.
    """

    trace: str
    span: str
    started_at: datetime
    started_ns: int
    duration_ns: int
    time_to_first_chunk_ns: int | None
    service: str
    provider: str
    model: str
    operation: str
    team: str
    feature: str
    customer: str
    failed: bool
    error_type: str
    input_tokens: int | None
    cache_read_tokens: int
    output_tokens: int | None
    cost_usd: Decimal | None
    price_status: str
    unpriced_reason: str


@dataclass(frozen=True)
class CallPage:
    """A page of calls, and the cursor of the next; empty: there is none."""

    calls: list[Call]
    after: str


@dataclass(frozen=True)
class TraceSpan:
    """A span of a trace.

    Args:
        trace: Its trace, where spans of several are together; empty: the one asked for.
        depth: How deep it lies: 0 for a root or a span whose parent is not there.
    """

    span: str
    parent: str
    name: str
    started_at: datetime
    duration_ns: int
    failed: bool
    error_type: str
    is_call: bool
    operation: str
    provider: str
    model: str
    agent: str
    service: str
    input_tokens: int | None
    cache_read_tokens: int
    output_tokens: int | None
    cost_usd: Decimal | None
    unpriced_reason: str
    trace: str = ""
    depth: int = field(default=0)


def calls(store: Answerer, tenant: str, period: Period, wanted: Wanted) -> CallPage:
    """Return a page of calls.

    Raises:
        WrongQuestion: A filter, the order or the cursor is not one that there is.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    _check(wanted)
    after_ns, after_span, skip = _cursor(wanted)
    parameters = {
        **period.parameters(tenant),
        **{name: list(getattr(wanted, name)) for name in FILTERS},
        "only": wanted.only,
        "order": wanted.order,
        "order_column": ORDERS[wanted.order],
        "after_ns": after_ns,
        "after_span": after_span,
        "skip": skip,
        "limit": wanted.limit + 1,
    }
    rows = store.rows(sql.read("queries/calls"), parameters)
    page = [_call(row) for row in rows[: wanted.limit]]
    if len(rows) <= wanted.limit:
        return CallPage(page, "")
    after = f"{page[-1].started_ns}-{page[-1].span}"
    return CallPage(page, after if wanted.order == "time" else str(skip + wanted.limit))


def call(store: Answerer, tenant: str, trace: str, span: str) -> dict[str, Any] | None:
    """Return all that is known of a call, None if there is no such call.

    Raises:
        WrongQuestion: The ids are not hexadecimal digits of the right number.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    check_ids(trace, span)
    parameters = {"tenant": tenant, "trace": trace, "span": span}
    row = store.formatted(sql.read("queries/call"), "JSONEachRow", parameters, EXACT_JSON)
    return dict(json.loads(row)) if row.strip() else None


def trace(store: Answerer, tenant: str, trace_id: str) -> list[TraceSpan]:
    """Return the spans of a trace, parents before their children, with how deep each lies.

    Raises:
        WrongQuestion: The id is not 32 hexadecimal digits.
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    check_ids(trace_id)
    parameters = {"tenant": tenant, "trace": trace_id, "limit": TRACE_SPANS_MAX}
    rows = store.rows(sql.read("queries/trace"), parameters)
    return as_tree([TraceSpan(*row) for row in rows])


def add_calls(api: FastAPI, collector: Collected) -> None:
    """Add the routes of calls and traces."""

    @api.get("/v1/calls")
    def list_calls(
        tenant: Tenant,
        since: str = "24h",
        model: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
        service: Annotated[list[str], Query()] = [],  # noqa: B006
        team: Annotated[list[str], Query()] = [],  # noqa: B006
        feature: Annotated[list[str], Query()] = [],  # noqa: B006
        customer: Annotated[list[str], Query()] = [],  # noqa: B006
        only: str = "",
        order: str = "time",
        after: str = "",
        limit: int = PAGE_CALLS,
    ) -> dict[str, Any]:
        """Return a page of calls; `after` is the cursor that the page before gave."""
        wanted = Wanted(model, service, team, feature, customer, only, order, after, limit)
        page = calls(collector.store, tenant, Period.back(since), wanted)
        return {"rows": [plain_row(asdict(row)) for row in page.calls], "after": page.after}

    @api.get("/v1/calls/{trace_id}/{span_id}")
    def one_call(tenant: Tenant, trace_id: str, span_id: str) -> Response:
        """Return all that is known of a call."""
        found = call(collector.store, tenant, trace_id, span_id)
        if found is None:
            message = f"there is no call {span_id} in a trace {trace_id}"
            return JSONResponse({"error": message}, 404)
        return JSONResponse(found)

    @api.get("/v1/traces/{trace_id}")
    def one_trace(tenant: Tenant, trace_id: str) -> Response:
        """Return the spans of a trace, parents before their children."""
        spans = trace(collector.store, tenant, trace_id)
        if not spans:
            return JSONResponse({"error": f"there is no trace {trace_id}"}, 404)
        return JSONResponse({"rows": [plain_row(asdict(span)) for span in spans]})


FAILED: Final = [field.name for field in fields(Call)].index("failed")
FILTERS: Final = ("models", "services", "teams", "features", "customers")


def _check(wanted: Wanted) -> None:
    if wanted.order not in ORDERS:
        raise WrongQuestion(f"order is {wanted.order!r}, it may be {', '.join(ORDERS)}")
    if wanted.only not in ONLY:
        raise WrongQuestion(f"only is {wanted.only!r}, it may be failed or unpriced")
    if not 1 <= wanted.limit <= PAGE_CALLS_MAX:
        raise WrongQuestion(f"limit is {wanted.limit}, it may be 1 to {PAGE_CALLS_MAX}")
    for name in FILTERS:
        if len(getattr(wanted, name)) > FILTER_VALUES_MAX:
            raise WrongQuestion(f"{name} has more than {FILTER_VALUES_MAX} values")


def _cursor(wanted: Wanted) -> tuple[int, str, int]:
    """Return the time and span of the last row seen, and the rows to skip."""
    if not wanted.after:
        return 0, "", 0
    if wanted.order == "time":
        at, _, span = wanted.after.partition("-")
        if not SPAN.fullmatch(span) or not re.fullmatch(r"[0-9]{1,18}|[0-8][0-9]{18}", at):
            raise WrongQuestion(f"after is {wanted.after!r}, which no page before gave")
        return int(at), span, 0
    if not wanted.after.isdecimal() or int(wanted.after) > SKIP_MAX:
        raise WrongQuestion(
            f"after is {wanted.after!r}, it may be up to {SKIP_MAX}; a filter finds a call sooner"
        )
    return 0, "", int(wanted.after)


def check_ids(trace_id: str, span_id: str = "0" * 16) -> None:
    """Refuse what is not the id of a trace and of a span.

    Raises:
        WrongQuestion: They are not hexadecimal digits of the right number.
    """
    if not TRACE.fullmatch(trace_id):
        raise WrongQuestion(f"{trace_id!r} is not the id of a trace: 32 hexadecimal digits")
    if not SPAN.fullmatch(span_id):
        raise WrongQuestion(f"{span_id!r} is not the id of a span: 16 hexadecimal digits")


def _call(row: Sequence[Any]) -> Call:
    values = list(row)
    values[FAILED] = bool(values[FAILED])
    return Call(*values)


def as_tree(spans: Sequence[TraceSpan]) -> list[TraceSpan]:
    """Return spans in the order of a tree read from the top, each with its depth."""
    known = {span.span for span in spans}
    children: dict[str, list[TraceSpan]] = {}
    for span in spans:
        parent = span.parent if span.parent in known and span.parent != span.span else ""
        children.setdefault(parent, []).append(span)
    placed: list[TraceSpan] = []
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    while waiting:
        span, depth = waiting.pop()
        placed.append(TraceSpan(**{**vars(span), "depth": depth}))
        waiting.extend((child, depth + 1) for child in reversed(children.pop(span.span, [])))
    # Spans that are each other's parents hang on nothing: they are shown all the same.
    seen = {span.span for span in placed}
    return placed + [span for span in spans if span.span not in seen]
