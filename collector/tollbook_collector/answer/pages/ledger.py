"""The ledger: what each month is charged, which months are closed, and how bills compare."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from tollbook_collector.answer.bookkeeping import adjustments_made, bills_compared, months
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.tenant import Admin, Tenant, name_of
from tollbook_collector.money import close as closing
from tollbook_collector.money.close import Month, WrongMonth


def add_ledger(api: FastAPI, collector: Collected) -> None:
    """Add the page of the ledger."""

    @api.get("/ledger", include_in_schema=False)
    def show(request: Request, tenant: Tenant, wrong: str = "") -> Response:
        store, today = collector.store, datetime.now(UTC).date()
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            adjusted = asking.submit(adjustments_made, store, tenant)
            billed = asking.submit(bills_compared, store, tenant)
            lines = months(store, tenant)
        open_lines = [line for line in lines if line.closed_at is None]
        over = [line for line in open_lines if Month(line.month).end <= today]
        return page(
            request,
            "ledger",
            {
                "title": "Ledger",
                "months": lines,
                "closable": over[-1].month if over else None,
                "open": len(open_lines),
                "adjustments": adjusted.result(),
                "bills": billed.result(),
                "wrong": wrong,
            },
        )

    @api.post("/ledger/{month}/close", include_in_schema=False)
    def close_month(admin: Admin, month: str) -> Response:
        try:
            closing.close(
                collector.ledger,
                admin.tenant,
                Month.parsed(month),
                name_of(admin),
                datetime.now(UTC),
                collector.allocation,
            )
        except WrongMonth as error:
            return RedirectResponse(f"/ledger?wrong={quote(str(error)[:500])}", 303)
        return RedirectResponse("/ledger", 303)
