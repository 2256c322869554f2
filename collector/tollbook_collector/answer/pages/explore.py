"""The explorer: spend by any dimensions, what changed against another period, and why."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.chart import spend_chart
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.questions import Period, WrongQuestion
from tollbook_collector.answer.series import TIMELESS, spend_series
from tollbook_collector.answer.tenant import Analyst, Tenant, name_of
from tollbook_collector.answer.views import FILTERS, PARTS, cleaned, remove, save, views
from tollbook_collector.money.change import (
    EFFECTS,
    NOTHING,
    SegmentChange,
    TooManySegments,
    Use,
    explain_change,
)
from tollbook_collector.store.dimensions import FILTERS_MAX, Filter

# What the period is held against, and how it is called.
AGAINST: Final = {
    "before": "the time before",
    "week": "a week earlier",
    "4weeks": "four weeks earlier",
}
SHIFTS: Final = {"week": timedelta(days=7), "4weeks": timedelta(days=28)}
EFFECT_WORDS: Final = {
    "volume": "more or fewer calls in all",
    "mix": "a larger or smaller part of them",
    "length": "longer or shorter calls",
    "cache": "what the cache saves",
    "price": "the price of a token",
}
ROWS_SHOWN: Final = 500
FILTER_VALUES_MAX: Final = 100


def add_explore(api: FastAPI, collector: Collected) -> None:
    """Add the explorer and the saving of its views."""
    _add_views(api, collector)

    @api.get("/explore", include_in_schema=False)
    def explore(
        request: Request,
        tenant: Tenant,
        by: str = "model",
        then: str = "",
        since: str = "7d",
        sort: str = "cost",
        against: str = "before",
        only: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
        but: Annotated[list[str], Query()] = [],  # noqa: B006
        add: str = "",
        value: str = "",
        how: str = "only",
    ) -> Response:
        if how not in FILTERS:
            raise WrongQuestion(f"how is {how!r}, it may be {' or '.join(FILTERS)}")
        if value:
            return RedirectResponse(_address(request, {how: f"{add}:{value}"}), 303)
        period, filters = Period.back(since), parsed(only, but)
        dimensions = [by, then] if then and then != by else [by]
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            drawn = asking.submit(
                spend_series, collector.store, tenant, period, by, filters=filters
            )
            saved = asking.submit(views, collector.store, tenant)
            found = _changes(collector, tenant, period, dimensions, against, filters)
        before, after = _total([one.before for one in found]), _total([one.after for one in found])
        rows = found if sort == "change" else sorted(found, key=_dearest)
        return page(
            request,
            "explore",
            {
                "title": "Explore",
                "since": since,
                "by": by,
                "then": then,
                "sort": sort,
                "against": against,
                "dimensions": TIMELESS,
                "choices": AGAINST,
                "chosen": [("only", one) for one in only] + [("but", one) for one in but],
                "address": partial(_address, request),
                "shown": dimensions,
                "rows": rows[:ROWS_SHOWN],
                "left_out": max(0, len(rows) - ROWS_SHOWN),
                "before": before,
                "after": after,
                "delta_usd": after.cost_usd - before.cost_usd,
                "effects": _effects(found),
                "largest": found[0] if found and found[0].delta_usd else None,
                "views": saved.result(),
                "view": cleaned(request.url.query[:500]),
                "chart_data": spend_chart(drawn.result(), period, f"(no {by})"),
            },
        )


def parsed(only: Sequence[str], but: Sequence[str]) -> list[Filter]:
    """Return the filters that an address names as `team:search`; an empty value is that of none.

    Raises:
        WrongQuestion: A dimension is none, or there are too many of them or of values.
    """
    values: dict[str, tuple[list[str], list[str]]] = {}
    for place, texts in enumerate((only, but)):
        for text in texts:
            dimension, colon, value = text.partition(":")
            if dimension not in TIMELESS or not colon:
                known = ", ".join(TIMELESS)
                raise WrongQuestion(f"{text!r} is no filter, as in team:search; by {known}")
            values.setdefault(dimension, ([], []))[place].append(value)
    if len(values) > FILTERS_MAX:
        raise WrongQuestion(f"{len(values)} dimensions are filtered, {FILTERS_MAX} can be")
    if (said := len(only) + len(but)) > FILTER_VALUES_MAX:
        raise WrongQuestion(f"{said} values are filtered, {FILTER_VALUES_MAX} can be")
    return [Filter(name, tuple(some), tuple(not_)) for name, (some, not_) in values.items()]


def _address(request: Request, more: Mapping[str, str], less: tuple[str, str] | None = None) -> str:
    """Return the address of this view with something put in its place, or added as a filter."""
    asked = [pair for pair in request.query_params.multi_items() if pair[0] in PARTS]
    kept = [(name, value) for name, value in asked if name in FILTERS or name not in more]
    pairs = [pair for pair in kept if pair != less and pair not in more.items()] + [*more.items()]
    return f"/explore?{urlencode(pairs)}"


def _add_views(api: FastAPI, collector: Collected) -> None:
    @api.post("/explore/views", include_in_schema=False)
    def save_view(
        analyst: Analyst, name: Annotated[str, Form()] = "", query: Annotated[str, Form()] = ""
    ) -> Response:
        save(collector.ledger, analyst.tenant, name, query, name_of(analyst))
        return RedirectResponse(f"/explore?{cleaned(query)}", 303)

    @api.post("/explore/views/remove", include_in_schema=False)
    def remove_view(analyst: Analyst, name: Annotated[str, Form()] = "") -> Response:
        remove(collector.ledger, analyst.tenant, name, name_of(analyst))
        return RedirectResponse("/explore", 303)


def _changes(
    collector: Collected,
    tenant: str,
    period: Period,
    by: list[str],
    against: str,
    filters: Sequence[Filter],
) -> list[SegmentChange]:
    for dimension in by:
        if dimension not in TIMELESS:
            raise WrongQuestion(f"{dimension!r} is not a dimension; {', '.join(TIMELESS)} are")
    if against not in AGAINST:
        raise WrongQuestion(f"{against!r} is no period; {', '.join(AGAINST)} are")
    since = period.since.replace(minute=0, second=0, microsecond=0)
    until = period.until.replace(minute=0, second=0, microsecond=0)
    shift = SHIFTS.get(against, until - since)
    earlier = (since - shift, until - shift)
    try:
        return explain_change(collector.ledger, tenant, earlier, (since, until), by, filters)
    except TooManySegments as error:
        raise WrongQuestion(str(error)) from error


def _total(uses: list[Use]) -> Use:
    return Use(
        sum(use.calls for use in uses),
        NOTHING.tokens,
        sum((use.cost_usd for use in uses), Decimal(0)),
        sum(use.unpriced_calls for use in uses),
    )


def _effects(found: list[SegmentChange]) -> list[tuple[str, Decimal]]:
    """Return what changed the sum and by how much, the largest first."""
    sums = [
        (EFFECT_WORDS[name], sum((one.effects_usd[name] for one in found), Decimal(0)))
        for name in EFFECTS
    ]
    return sorted(((said, usd) for said, usd in sums if usd), key=lambda one: -abs(one[1]))


def _dearest(one: SegmentChange) -> tuple[Decimal, int, tuple[str, ...]]:
    return (-one.after.cost_usd, -one.after.calls, one.dimensions)
