"""Runaway runs: an agent that calls far more than its runs ever do, found while it runs.

A run is held against the largest run of its name in 28 days. A loop, calls that repeat, needs no
factor: it is enough that it passes the largest. A name without earlier runs is held against a
number.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import Tables
from tollbook_collector.store import sql

# A run without a call for so long is over.
IDLE: Final = timedelta(minutes=10)
# With fewer earlier runs of the name, only a run with many times the least number is one.
RUNS_MIN: Final = 5
COLD_FACTOR: Final = 4
SCORE_MIN: Final = 3.0


def runaway_runs(
    store: Tables,
    section: DetectSection,
    tenant: str,
    until: datetime,
    runaways: Sequence[str] = (),
) -> list[Anomaly]:
    """Return the runs that are out of hand.

    Args:
        store: Holds the runs.
        section: From which number of calls on, and how far beyond the largest.
        tenant: Whose.
        until: The runs with a call within IDLE before it are looked at.
        runaways: Ids of runs that were out of hand before: no measure for others.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    parameters = {
        "tenant": tenant,
        "since": _at(until - IDLE),
        "until": _at(until),
        "calls_min": section.runaway_calls_min,
        "factor": section.runaway_factor,
        "runs_min": RUNS_MIN,
        "cold_calls_min": COLD_FACTOR * section.runaway_calls_min,
        "runaways": list(runaways),
    }
    rows = store.rows(sql.read("queries/runaway_runs"), parameters)
    return [_anomaly(tenant, until, *row) for row in rows]


def _anomaly(
    tenant: str,
    until: datetime,
    run_id: str,
    run: str,
    first_call: datetime,
    last_call: datetime,
    calls: int,
    cost: Decimal | None,
    different_calls: int,
    earlier_runs: int,
    calls_usual: int,
    cost_usual: Decimal,
    calls_max: int,
    cost_max: Decimal,
) -> Anomaly:
    known = earlier_runs >= RUNS_MIN
    usual = int(calls_usual) if known else 0
    so_far = None if cost is None else cost - (cost_usual if known else Decimal(0))
    dollars = "at an unknown cost" if so_far is None else f"${so_far:.2f} so far"
    amplification = calls / max(usual, 1)
    loops = different_calls * 10 < calls
    where = f"{calls} calls where {usual} are usual" if known else f"{calls} calls already"
    why = f", only {different_calls} of them different: a loop" if loops else ""
    evidence: dict[str, Any] = {
        "calls": int(calls),
        "different_calls": int(different_calls),
        "earlier_runs": int(earlier_runs),
        "calls_usual": usual,
        "calls_max": int(calls_max),
        "cost_usd": cost,
        "cost_usual_usd": cost_usual,
        "cost_max_usd": cost_max,
        "amplification": round(amplification, 2) if known else None,
        "loop": loops,
    }
    first, last = _utc(first_call), _utc(last_call)
    return Anomaly(
        tenant=tenant,
        dimensions={"run": run, "run_id": run_id},
        tier="run",
        channel="loop" if loops else "runaway_run",
        started_at=first,
        detected_at=min(last + timedelta(seconds=1), until),
        score=round(SCORE_MIN + math.log10(max(amplification, 1.0)), 3),
        dollars_so_far=so_far,
        dollars_projected=None,
        explanation=f"run {run} {run_id[:12]}: {where}{why}; {dollars}",
        updated_at=last,
        evidence=evidence,
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
