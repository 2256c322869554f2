"""The drift report over REST: two periods side by side, as one page of HTML."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.detect.behaviour import By, windows_by_day
from tollbook_collector.detect.drift_report import Period, report

BY: Final[dict[str, By]] = {
    "service": "service",
    "model": "model",
    "team": "team",
    "feature": "feature",
}
DAYS_MAX: Final = 366
# The report says sizes and not verdicts, so a day counts from its first calls.
CALLS_MIN: Final = 1


def add_drift(api: FastAPI, collector: Collected) -> None:
    """Add the route."""

    @api.get("/v1/drift/report", response_class=HTMLResponse)
    def drift_report(tenant: Tenant, baseline: str, current: str, by: str = "model") -> str:
        """Return a period against a baseline: FROM..TO, days of UTC, both included."""
        if by not in BY:
            raise WrongQuestion(f"{by!r} is not a dimension of drift; {', '.join(BY)} are")
        periods = (_period(baseline), _period(current))
        sides = [
            windows_by_day(
                collector.store,
                tenant,
                BY[by],
                datetime.combine(period.first, time(), UTC),
                datetime.combine(period.last + timedelta(days=1), time(), UTC),
                CALLS_MIN,
            )
            for period in periods
        ]
        return report(f"calls by {by}", periods, *sides)


def _period(text: str) -> Period:
    first, _, last = text.partition("..")
    try:
        period = Period(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        raise WrongQuestion(f"{text!r} is not a period, as in 2026-10-01..2026-10-31") from None
    if not 0 <= (period.last - period.first).days < DAYS_MAX:
        raise WrongQuestion(f"{text!r} is not from a day to a later one, {DAYS_MAX} days at most")
    return period
