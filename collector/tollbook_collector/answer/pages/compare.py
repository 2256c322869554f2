"""A/B: two models, prompts or releases on one's own calls, and what can be told apart."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.compare import BY, VALUED, Difference, compare, differences, values
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Answerer, Period
from tollbook_collector.answer.tenant import Tenant

# More calls of a day than these make no interval narrower that people would look at.
CALLS_ENOUGH: Final = 100_000
MEASURES: Final = {
    "cost": "cost of a call",
    "failed": "failed calls",
    "duration": "time of a call, usual",
    "input": "input tokens a call",
    "output": "output tokens a call",
}


def add_compare(api: FastAPI, collector: Collected) -> None:
    """Add the page of comparisons."""

    @api.get("/compare", include_in_schema=False)
    def show(
        request: Request,
        tenant: Tenant,
        by: str = "model",
        a: str = "",
        b: str = "",
        feature: str = "",
        since: str = "",
    ) -> Response:
        since, known = _known(collector.store, tenant, since, by)
        period = Period.back(since)
        a = a or next((value for value in known if value != b), "")
        b = b or next((value for value in known if value != a), "")
        first = second = None
        if a and b:
            first, second = compare(collector.store, tenant, period, by, a, b, feature)
        found = differences(first, second) if first and second else []
        return page(
            request,
            "compare",
            {
                "title": "Compare",
                "since": since,
                "by": by,
                "a": a,
                "b": b,
                "feature": feature,
                "dimensions": BY,
                "known": known,
                "first": first,
                "second": second,
                "differences": found,
                "measures": MEASURES,
                "told": {one.measure: one for one in found},
                "cost_said": _said(found, "cost", "costs", "less", "more"),
                "time_said": _said(found, "duration", "takes", "less time", "longer"),
            },
        )


def _known(store: Answerer, tenant: str, since: str, by: str) -> tuple[str, list[str]]:
    """Return the time that is compared, and the values that there are in it.

    By itself a day is compared where it has calls enough to tell, else a week.
    """
    if since:
        return since, list(values(store, tenant, Period.back(since), by))
    valued = by in VALUED
    of_day = values(store, tenant, Period.back("24h"), by if valued else "model")
    if sum(of_day.values()) >= CALLS_ENOUGH:
        return "24h", list(of_day) if valued else []
    return "7d", list(values(store, tenant, Period.back("7d"), by))


def _said(found: list[Difference], measure: str, verb: str, less: str, more: str) -> str:
    """Return a difference of a ratio in words; empty: it is not known."""
    one = next((one for one in found if one.measure == measure), None)
    if one is None:
        return ""
    if not one.told:
        return f"{verb} about as much" if measure == "cost" else f"{verb} about as long"
    middle = (one.low * one.high) ** 0.5
    if middle < 1:
        return f"{verb} {100 * (1 - middle):.0f} % {less}"
    return (
        f"{verb} {100 * (middle - 1):.0f} % {more}"
        if middle < 2
        else f"{verb} {middle:.1f} times as {'much' if measure == 'cost' else 'long'}"
    )
