"""Runs of agents: which were dear, what one of them did, step by step, and what each step cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.calls import TRACE_SPANS_MAX, TraceSpan, as_tree
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion, known_usd
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

PAGE_RUNS: Final = 100
PAGE_RUNS_MAX: Final = 1_000
SKIP_MAX: Final = 100_000
ORDERS: Final = ("cost", "time", "calls")


@dataclass(frozen=True)
class Run:
    """One run of an agent.

    Args:
        run_id: As the sender named it; else the trace of its calls.
        run: Name of the agent task, else of the agent.
        first_call, last_call: When its first and its newest call started, UTC.
        calls, errors: Model calls, and of them those that failed.
        unpriced_calls: Of them, those that used tokens at an unknown cost.
        input_tokens, output_tokens: Of all of them.
        cost_usd: Of the priced ones, exact.
        different_calls: By model and tokens; far fewer than calls is a loop. None: not asked for.
    """

    run_id: str
    run: str
    first_call: datetime
    last_call: datetime
    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    different_calls: int | None = None

    @property
    def known_usd(self) -> Decimal | None:
        """What it cost; None: a call has no price, and the others cost nothing."""
        return known_usd(self.cost_usd, self.unpriced_calls)


@dataclass(frozen=True)
class Task:
    """The runs of one agent task together; a percentile is of its runs.

    Args:
        run: Its name.
        runs, calls, errors: How many.
        unpriced_calls: Those that used tokens at an unknown cost.
        cost_usd: Of all priced calls, exact.
        cost_p50_usd, cost_p95_usd, cost_max_usd: Of one run; None: no run has a known cost.
        calls_p50, calls_max: Of one run.
        seconds_p50: From the first call of a run to its last one.
    """

    run: str
    runs: int
    calls: int
    errors: int
    unpriced_calls: int
    cost_usd: Decimal
    cost_p50_usd: Decimal | None
    cost_p95_usd: Decimal | None
    cost_max_usd: Decimal | None
    calls_p50: int
    calls_max: int
    seconds_p50: int

    @property
    def known_usd(self) -> Decimal | None:
        """What they cost; None: a call has no price, and the others cost nothing."""
        return known_usd(self.cost_usd, self.unpriced_calls)


@dataclass(frozen=True)
class AgentDay:
    """The runs of an agent that began on a day of UTC."""

    day: date
    run: str
    runs: int
    cost_usd: Decimal


@dataclass(frozen=True)
class RunPage:
    """A page of runs, and the cursor of the next; empty: there is none."""

    runs: list[Run]
    after: str


def runs(
    store: Answerer,
    tenant: str,
    period: Period,
    name: str = "",
    order: str = "cost",
    after: str = "",
    limit: int = PAGE_RUNS,
) -> RunPage:
    """Return a page of runs whose newest call was in a period.

    Args:
        store: The store.
        tenant: Whose runs.
        period: When.
        name: Of the agent task; empty: any.
        order: cost, time or calls; the most first.
        after: The cursor of the page before; empty: the first page.
        limit: Runs on a page.

    Raises:
        WrongQuestion: The order, cursor or limit is not one that there is.
    """
    if order not in ORDERS:
        raise WrongQuestion(f"order is {order!r}, it may be {', '.join(ORDERS)}")
    if not 1 <= limit <= PAGE_RUNS_MAX:
        raise WrongQuestion(f"limit is {limit}, it may be 1 to {PAGE_RUNS_MAX}")
    if after and (not after.isdecimal() or int(after) > SKIP_MAX):
        raise WrongQuestion(f"after is {after!r}, it may be up to {SKIP_MAX}")
    skip = int(after or 0)
    parameters = {
        **period.parameters(tenant),
        "run": name,
        "order": order,
        "skip": skip,
        "limit": limit + 1,
    }
    rows = store.rows(sql.read("queries/runs"), parameters)
    more = len(rows) > limit
    return RunPage([Run(*row) for row in rows[:limit]], str(skip + limit) if more else "")


def agents(store: Answerer, tenant: str, period: Period) -> tuple[list[Task], list[AgentDay]]:
    """Return the agent tasks of a period, dearest first, and their days."""
    rows = store.rows(sql.read("queries/agents"), period.parameters(tenant))
    known = [(whole_period, day, Task(*task)) for whole_period, day, *task in rows]
    return (
        [task for whole_period, _, task in known if whole_period],
        [
            AgentDay(day, task.run, task.runs, task.cost_usd)
            for whole_period, day, task in known
            if not whole_period
        ],
    )


def run(store: Answerer, tenant: str, run_id: str) -> Run | None:
    """Return one run, None if there is none of this id."""
    rows = store.rows(sql.read("queries/run"), {"tenant": tenant, "run": run_id})
    return Run(*rows[0]) if rows else None


def steps(store: Answerer, tenant: str, found: Run) -> list[TraceSpan]:
    """Return the spans of a run, parents before their children, with how deep each lies."""
    parameters = {
        "tenant": tenant,
        "run": found.run_id,
        "since": f"{found.first_call:%Y-%m-%d %H:%M:%S}",
        "until": f"{found.last_call:%Y-%m-%d %H:%M:%S}",
        "limit": TRACE_SPANS_MAX,
    }
    rows = store.rows(sql.read("queries/run_spans"), parameters)
    return as_tree([TraceSpan(*row) for row in rows])


def run_of(call: Mapping[str, Any]) -> str:
    """Return the id of the run that a call, as the question `call` answers, is part of."""
    named = str(call["attributes"].get("tollbook.run.id", ""))
    return named or (str(call["trace"]) if call["agent"] else "")


def add_runs(api: FastAPI, collector: Collected) -> None:
    """Add the routes of runs."""

    @api.get("/v1/runs")
    def list_runs(
        tenant: Tenant,
        since: str = "7d",
        run: str = "",
        order: str = "cost",
        after: str = "",
        limit: int = PAGE_RUNS,
    ) -> dict[str, Any]:
        """Return a page of runs; `after` is the cursor that the page before gave."""
        found = runs(collector.store, tenant, Period.back(since), run, order, after, limit)
        return {"rows": [_known(one) for one in found.runs], "after": found.after}

    @api.get("/v1/agents")
    def list_tasks(tenant: Tenant, since: str = "7d") -> dict[str, Any]:
        """Return the agent tasks, dearest first, with what one run of each costs."""
        period = Period.back(since)
        rows, days = agents(collector.store, tenant, period)
        return {
            "rows": [_known(one) for one in rows],
            "days": [plain_row(asdict(one)) for one in days],
        }

    @api.get("/v1/runs/{run_id:path}")
    def one_run(tenant: Tenant, run_id: str) -> Response:
        """Return a run and its steps, parents before their children."""
        found = run(collector.store, tenant, run_id)
        if found is None:
            return JSONResponse({"error": f"there is no run {run_id!r}"}, 404)
        spans = _rows(steps(collector.store, tenant, found))
        return JSONResponse({**_known(found), "steps": spans})


def _rows(spans: Sequence[TraceSpan]) -> list[dict[str, Any]]:
    return [plain_row(asdict(span)) for span in spans]


def _known(found: Run | Task) -> dict[str, Any]:
    return plain_row({**asdict(found), "cost_usd": found.known_usd})
