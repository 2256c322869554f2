"""Over REST: why spend changed between two periods."""

from datetime import UTC, datetime, time
from decimal import Decimal
from functools import reduce
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.ledger import instant
from tollbook_collector.answer.questions import DIMENSIONS, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.money.change import (
    EFFECTS,
    EXACT,
    SegmentChange,
    TooManySegments,
    Use,
    explain_change,
)
from tollbook_collector.money.close import Month, WrongMonth

SEGMENT_DIMENSIONS: Final = tuple(name for name in DIMENSIONS if name not in ("hour", "day"))


def add_change(api: FastAPI, collector: Collected) -> None:
    """Add the route of changes."""

    @api.get("/v1/change")
    def change(tenant: Tenant, before: str, after: str, by: str = "model") -> dict[str, Any]:
        """Return what volume, mix, length, cache and price did to spend between two periods."""
        dimensions = by.split(",")
        for dimension in dimensions:
            if dimension not in SEGMENT_DIMENSIONS:
                known = ", ".join(SEGMENT_DIMENSIONS)
                raise WrongQuestion(f"{dimension!r} is not a dimension; {known} are")
        periods = period(before), period(after)
        try:
            segments = explain_change(collector.ledger, tenant, *periods, dimensions)
        except TooManySegments as wrong:
            raise WrongQuestion(str(wrong)) from wrong
        return {
            "before": _said(periods[0]),
            "after": _said(periods[1]),
            "rows": [_row(segment, dimensions) for segment in segments],
            "total": _total(segments),
        }


def period(text: str) -> tuple[datetime, datetime]:
    """Return start and end of `2026-10` or of `2026-10-01..2026-10-15`, whose last day counts.

    Raises:
        WrongQuestion: It is neither.
    """
    first, dots, last = text.partition("..")
    if not dots:
        try:
            month = Month.parsed(text)
        except WrongMonth:
            message = f"{text!r} is no period, as in 2026-10 or 2026-10-01..2026-10-15"
            raise WrongQuestion(message) from None
        begin, end = (datetime.combine(day, time(), UTC) for day in (month.first_day, month.end))
        return begin, end
    start, end = instant(first), instant(last, last=True)
    if start >= end:
        raise WrongQuestion(f"{text!r} ends before it begins")
    return start, end


def _said(instants: tuple[datetime, datetime]) -> dict[str, str]:
    since, until = (instant.strftime("%Y-%m-%dT%H:%M:%SZ") for instant in instants)
    return {"since": since, "until": until}


def _row(segment: SegmentChange, by: list[str]) -> dict[str, Any]:
    return {
        "dimensions": dict(zip(by, segment.dimensions, strict=True)),
        "before": _use(segment.before),
        "after": _use(segment.after),
        "delta_usd": _usd(segment.delta_usd),
        "effects_usd": {name: _usd(amount) for name, amount in segment.effects_usd.items()},
    }


def _total(segments: list[SegmentChange]) -> dict[str, Any]:
    def added(amounts: list[Decimal]) -> str:
        return _usd(reduce(EXACT.add, amounts, Decimal(0)))

    return {
        "before_usd": added([segment.before.cost_usd for segment in segments]),
        "after_usd": added([segment.after.cost_usd for segment in segments]),
        "delta_usd": added([segment.delta_usd for segment in segments]),
        "effects_usd": {
            name: added([segment.effects_usd[name] for segment in segments]) for name in EFFECTS
        },
    }


def _use(use: Use) -> dict[str, Any]:
    return {"calls": use.calls, "tokens": sum(use.tokens), "cost_usd": _usd(use.cost_usd)}


def _usd(amount: Decimal) -> str:
    return str(plain(amount.quantize(Decimal("1e-12"), context=EXACT)))
