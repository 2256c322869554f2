"""The ledger over REST: pricing anew, closing a month, and the report of a month."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import Response

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import WrongQuestion
from tollbook_collector.answer.tenant import AdminTenant, Tenant
from tollbook_collector.money import close as closing
from tollbook_collector.money.close import Month, WrongMonth
from tollbook_collector.money.rerate import Change, Rerating, preview, rerate

NAMES_MAX: Final = 200
TEXT_MAX: Final = 500


def add_ledger(api: FastAPI, collector: Collected) -> None:
    """Add the routes of the ledger."""

    @api.post("/v1/rerate")
    def rerate_calls(
        tenant: AdminTenant,
        since: str,
        until: str = "",
        model: str = "",
        author: str = "",
        reason: str = "",
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Price calls anew at the prices in force; with dry_run only say what would change."""
        rerating = _rerating(tenant, since, until, model)
        if not dry_run and not author:
            raise WrongQuestion("an adjustment needs an author: --author NAME")
        if len(author) > TEXT_MAX or len(reason) > TEXT_MAX:
            raise WrongQuestion(f"author and reason have at most {TEXT_MAX} characters")
        if dry_run:
            changes = preview(collector.ledger, rerating)
        else:
            text = reason or "prices changed"
            changes = rerate(collector.ledger, rerating, author, text)
        return {
            "since": rerating.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "until": rerating.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "dry_run": dry_run,
            "rows": [_change(change) for change in changes],
        }

    @api.post("/v1/months/{month}/close")
    def close_month(tenant: AdminTenant, month: str, author: str = "") -> Response:
        """Close a month and return its report; a closed one is left as it is."""
        if not author or len(author) > TEXT_MAX:
            raise WrongQuestion("closing a month needs an author: --author NAME")
        try:
            parsed = Month.parsed(month)
            body = closing.close(
                collector.ledger, tenant, parsed, author, datetime.now(UTC), collector.allocation
            )
        except WrongMonth as wrong:
            raise WrongQuestion(str(wrong)) from wrong
        return Response(body, media_type="application/json")

    @api.get("/v1/months/{month}")
    def month_report(tenant: Tenant, month: str) -> Response:
        """Return the report of a month: the bytes kept when it was closed, or how it stands."""
        try:
            body = closing.report(
                collector.ledger, tenant, Month.parsed(month), collector.allocation
            )
        except WrongMonth as wrong:
            raise WrongQuestion(str(wrong)) from wrong
        return Response(body, media_type="application/json")


def _rerating(tenant: str, since: str, until: str, model: str) -> Rerating:
    start, end = instant(since), instant(until, last=True) if until else datetime.now(UTC)
    if start >= end:
        raise WrongQuestion(f"from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}: no time")
    models = tuple(name for name in model.split(",") if name)
    if len(models) > NAMES_MAX:
        raise WrongQuestion(f"{len(models)} models are named, at most {NAMES_MAX} can be")
    return Rerating(tenant, start, end, models)


def instant(text: str, last: bool = False) -> datetime:
    """Return a day's beginning (or, as the last one, its end) or an instant, UTC.

    Raises:
        WrongQuestion: `text` is neither.
    """
    try:
        if len(text) == len("2026-11-20"):
            day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
            return datetime.combine(day, time(), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        message = f"{text!r} is no time: write a day, 2026-11-20, or an instant, 2026-11-20T12:00Z"
        raise WrongQuestion(message) from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _change(change: Change) -> dict[str, Any]:
    return {
        "provider": change.provider,
        "model": change.model,
        "why": change.why,
        "calls": change.calls,
        "old_usd": plain(change.old_usd),
        "new_usd": plain(change.new_usd),
        "delta_usd": plain(change.delta_usd),
        "book_at": plain(change.book_at),
    }
