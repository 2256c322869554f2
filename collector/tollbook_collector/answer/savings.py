"""What calls of the last 30 days would have cost otherwise, with the calls that show it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain, plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.store import sql

ROWS_MAX: Final = 2_000
# The ways, in the order in which they change least of a program.
WAYS: Final = ("cache", "repeat", "tier", "model")


@dataclass(frozen=True)
class Saving:
    """One way in which the calls of a service, feature and model would have cost less.

    Args:
        kind: cache, repeat, tier or model.
        service, feature, provider, model: Of the calls.
        instead: Tier or model that they would have been made with; empty: the same.
        calls: That would have cost less.
        cost_usd: What they cost.
        would_usd: What they would have cost.
        facts: What speaks for and against it, by name.
        examples: Some of the calls, as trace/span.
    """

    kind: str
    service: str
    feature: str
    provider: str
    model: str
    instead: str
    calls: int
    cost_usd: Decimal
    would_usd: Decimal
    facts: Mapping[str, float]
    examples: Sequence[str]

    @property
    def saved_usd(self) -> Decimal:
        """What would have been saved."""
        return self.cost_usd - self.would_usd


@dataclass(frozen=True)
class Found:
    """A whole search.

    Args:
        since, until: The calls that were looked at, UTC.
        found_at: When.
        calls, cost_usd: All of them.
        with_digest: Calls of the last day that say which question they asked; 0: equal ones
            cannot be known.
        savings: By what they would have saved, largest first.
    """

    since: datetime
    until: datetime
    found_at: datetime
    calls: int
    cost_usd: Decimal
    with_digest: int
    savings: Sequence[Saving]

    def of(self, kind: str) -> list[Saving]:
        """Return the savings of a way; of batch and flex the better one, as calls have one tier."""
        found: dict[tuple[str, ...], Saving] = {}
        for one in self.savings:
            if one.kind == kind:
                found.setdefault((one.service, one.feature, one.provider, one.model), one)
        return list(found.values())

    def saved_usd(self, kind: str) -> Decimal:
        """Return what a way alone would have saved; ways overlap and must not be added."""
        return sum((one.saved_usd for one in self.of(kind)), Decimal(0))


def savings(store: Answerer, tenant: str) -> Found | None:
    """Return the newest whole search of a tenant's calls, None before the first."""
    rows = store.rows(sql.read("queries/savings"), {"tenant": tenant, "limit": ROWS_MAX})
    whole = next((row for row in rows if row[0] == "all"), None)
    if whole is None:
        return None
    since, until, found_at = whole[11:]
    return Found(
        since=since,
        until=until,
        found_at=found_at,
        calls=int(whole[6]),
        cost_usd=Decimal(whole[7]),
        with_digest=int(whole[9]["with_digest"]),
        savings=[Saving(*row[:11]) for row in rows if row[0] != "all"],
    )


def add_savings(api: FastAPI, collector: Collected) -> None:
    """Add the route of savings."""

    @api.get("/v1/savings")
    def show_savings(tenant: Tenant) -> dict[str, Any]:
        """Return what each way alone would have saved, and where; ways overlap."""
        found = savings(collector.store, tenant)
        if found is None:
            return {"found_at": None, "ways": [], "rows": []}
        return {
            "since": plain(found.since),
            "until": plain(found.until),
            "found_at": plain(found.found_at),
            "calls": found.calls,
            "cost_usd": plain(found.cost_usd),
            "ways": [{"kind": kind, "saved_usd": plain(found.saved_usd(kind))} for kind in WAYS],
            "rows": [
                {
                    **plain_row(asdict(one)),
                    "saved_usd": plain(one.saved_usd),
                }
                for one in found.savings
            ],
        }
