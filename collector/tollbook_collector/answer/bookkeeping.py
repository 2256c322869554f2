"""The ledger at a glance: months and who closed them, what was adjusted, and bills beside it."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

MONTHS_MAX: Final = 120
ROWS_MAX: Final = 200


@dataclass(frozen=True)
class MonthLine:
    """A month with charges.

    Args:
        month: Its first day.
        calls: Model calls charged in it.
        spend_usd, adjusted_usd, cost_usd: Spend, adjustments, and both together.
        closed_at, author, sha256: When and by whom it was closed, and its report; None: open.
        late_usd: Of the adjustments, what came late for months that were closed.
    """

    month: date
    calls: int
    spend_usd: Decimal
    adjusted_usd: Decimal
    cost_usd: Decimal
    closed_at: datetime | None
    author: str
    sha256: str
    late_usd: Decimal


@dataclass(frozen=True)
class AdjustmentMade:
    """One change of charges: rows that were added together."""

    made_at: datetime
    kind: str
    author: str
    reason: str
    rows_added: int
    first_month: date
    last_month: date
    amount_usd: Decimal


@dataclass(frozen=True)
class BillCompared:
    """A provider's bill as it was compared last; their_usd None: the report has no amounts."""

    bill: str
    compared_at: datetime
    providers: str
    first_day: date
    last_day: date
    our_tokens: Decimal
    their_tokens: Decimal
    our_usd: Decimal
    their_usd: Decimal | None

    @property
    def variance_usd(self) -> Decimal | None:
        """What was billed above the cost of record."""
        return None if self.their_usd is None else self.their_usd - self.our_usd


def months(store: Answerer, tenant: str) -> list[MonthLine]:
    """Return the months with charges, newest first."""
    parameters = {"tenant": tenant, "limit": MONTHS_MAX}
    return [MonthLine(*row) for row in store.rows(sql.read("queries/months"), parameters)]


def adjustments_made(store: Answerer, tenant: str) -> list[AdjustmentMade]:
    """Return the changes of charges, newest first."""
    parameters = {"tenant": tenant, "limit": ROWS_MAX}
    rows = store.rows(sql.read("queries/adjustments_made"), parameters)
    return [AdjustmentMade(*row) for row in rows]


def bills_compared(store: Answerer, tenant: str) -> list[BillCompared]:
    """Return the bills that were compared, the newest comparison first."""
    parameters = {"tenant": tenant, "limit": ROWS_MAX}
    rows = store.rows(sql.read("queries/bills_compared"), parameters)
    return [BillCompared(*row) for row in rows]


def add_bookkeeping(api: FastAPI, collector: Collected) -> None:
    """Add the routes."""

    @api.get("/v1/months")
    def list_months(tenant: Tenant) -> dict[str, Any]:
        """Return the months with charges, newest first."""
        return {"rows": [plain_row(asdict(one)) for one in months(collector.store, tenant)]}

    @api.get("/v1/adjustments")
    def list_adjustments(tenant: Tenant) -> dict[str, Any]:
        """Return the changes of charges, newest first."""
        return {
            "rows": [plain_row(asdict(one)) for one in adjustments_made(collector.store, tenant)]
        }

    @api.get("/v1/bills")
    def list_bills(tenant: Tenant) -> dict[str, Any]:
        """Return the bills that were compared with what was metered."""
        return {"rows": [plain_row(asdict(one)) for one in bills_compared(collector.store, tenant)]}
