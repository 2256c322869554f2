"""Drift: what changed in how calls behave: how long, how fast, how they end."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.anomalies import COLUMNS, ROWS_MAX
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.drift import BY
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.detect.behaviour import NUMBERS, Window, values_of, windows_by_day
from tollbook_collector.store import sql

DAYS: Final = 28
LINES_MAX: Final = 7
WORDS: Final = {
    "latency": "time of a call, median ms",
    "first_chunk": "time to the first chunk, median ms",
    "input_tokens": "input tokens, median",
    "output_tokens": "output tokens, median",
}
# A median of fewer calls jumps about.
CALLS_MIN: Final = 20


def add_drift(api: FastAPI, collector: Collected) -> None:
    """Add the page of drift."""

    @api.get("/drift", include_in_schema=False)
    def show(
        request: Request,
        tenant: Tenant,
        by: str = "model",
        number: str = "output_tokens",
        since: str = "30d",
    ) -> Response:
        if by not in BY:
            raise WrongQuestion(f"{by!r} is not a dimension of drift; {', '.join(BY)} are")
        if number not in NUMBERS:
            raise WrongQuestion(f"{number!r} is not a number of drift; {', '.join(NUMBERS)} are")
        until = datetime.now(UTC) + timedelta(hours=1)
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            found = asking.submit(_found, collector.store, tenant, Period.back(since))
            days = windows_by_day(
                collector.store, tenant, BY[by], until - timedelta(days=DAYS), until, CALLS_MIN
            )
        dearest = sorted(days, key=lambda name: (-sum(day.calls for day in days[name]), name))
        return page(
            request,
            "drift",
            {
                "title": "Drift",
                "since": since,
                "by": by,
                "number": number,
                "dimensions": list(BY),
                "numbers": WORDS,
                "found": found.result(),
                "any": bool(days),
                "chart_data": _chart({name: days[name] for name in dearest[:LINES_MAX]}, number),
            },
        )


def _found(store: Answerer, tenant: str, period: Period) -> list[dict[str, Any]]:
    """Return the drift that was found in a period, newest first."""
    parameters = {**period.parameters(tenant), "parts": 1, "limit": ROWS_MAX}
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in store.rows(sql.read("queries/anomalies"), parameters)
    ]
    return [
        {**row, "evidence": json.loads(row["evidence"] or "{}")}
        for row in rows
        if row["tier"] == "drift"
    ]


def _chart(days: dict[str, list[Window]], number: str) -> dict[str, Any]:
    """Return the daily median of a number as lines; a day without calls is a gap."""
    dates = sorted({window.day for windows in days.values() for window in windows})
    place = {day: at for at, day in enumerate(dates)}
    series = []
    for name, windows in days.items():
        line: list[float | None] = [None] * len(dates)
        for window in windows:
            values = values_of(window.numbers[number])
            if len(values):
                line[place[window.day]] = round(float(np.median(values)), 1)
        if any(value is not None for value in line):
            series.append({"label": name or "(none)", "values": line, "other": False})
    return {
        "x": [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in dates],
        "unit": "ms" if number in ("latency", "first_chunk") else "count",
        "bucket_s": 86_400,
        "kind": "lines",
        "series": series,
    }
