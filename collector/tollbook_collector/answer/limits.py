"""Limits that programs obey: hard budgets, parted into leases, and switches that stop calls.

A program asks with `POST /v1/limits` and what it has used, and gets for each hard budget a lease:
dollars that it alone may spend for a while. All leases and what was used of them since the last
measurement are within what the budget has left, so that programs together overspend by no more than
each one's own estimate errors. Leases are in memory; that collectors side by side, or one that
starts anew, do not lend the same dollars twice is what `limit_claims.py` is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Annotated, Any, Final

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.budgets import limits
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.limit_claims import Claims
from tollbook_collector.answer.tenant import SenderTenant, Tenant
from tollbook_collector.detect.budgets import Dimension, Values
from tollbook_collector.policy import Section
from tollbook_collector.settings import OPEN_TENANT

LEASE_S: Final = 90  # after which a program that is silent has lost it
# From a call's end to a measurement that it is in: export, load, and the watch of budgets.
SETTLE: Final = timedelta(seconds=60)
RENEW: Final = timedelta(seconds=30)  # after which a claim is written again
CLAIM_LEASES: Final = 2  # that a claim has room for, so that not each lease is written
LEASE_SHARE: Final = 4  # a lease is one of so many parts of what nobody has
LEASE_PARTS_MAX: Final = 100  # but no less than this part of the limit, while there is as much
PROGRAMS_MAX: Final = 10_000  # with leases at a time; more get none
KILLS_MAX: Final = 1000
ZERO: Final = Decimal(0)
STEP: Final = Decimal("0.000000000001")

Key = tuple[str, str, str]  # tenant, budget, value


class Kill(Section):
    """A switch that stops calls before they are made.

    Attributes:
        name: Names it in the error that a program gets.
        tenant: Whose calls it stops.
        where: The calls that it stops: for each dimension the values, any of which; empty: all.
        reason: Said in the error.
        until: When it ends; default never.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    tenant: str = OPEN_TENANT
    where: Mapping[Dimension, Values] = {}
    reason: str = Field(default="", max_length=200)
    until: AwareDatetime | None = None


class Kills(Section):
    """The section `[[kills]]`."""

    entries: Annotated[tuple[Kill, ...], Field(max_length=KILLS_MAX)] = ()


class Used(BaseModel):
    """What a program has used of a lease, and holds for calls under way."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    value: str = Field(default="", max_length=1024)
    used_usd: Annotated[Decimal, Field(ge=0, max_digits=26, decimal_places=12)]


class Asking(BaseModel):
    """What a program says when it asks for limits."""

    model_config = ConfigDict(extra="forbid")

    program: str = Field(min_length=1, max_length=64)
    used: Annotated[list[Used], Field(max_length=10_000)] = []


@dataclass
class _Leases:
    """The leases of one budget."""

    by_program: dict[str, tuple[Decimal, datetime]] = field(default_factory=dict)
    # What was used of leases that are over, and when: until the budget's measurement has it.
    unmeasured: list[tuple[Decimal, datetime]] = field(default_factory=list)
    claimed_usd: Decimal = ZERO  # what the other collectors know that this one may lend
    claimed_at: datetime | None = None
    others_usd: Decimal = ZERO  # what they took, when they were looked at last

    def settle(self, program: str, spent: Decimal, now: datetime) -> None:
        """Take back a program's lease, of which it has used so much, and those that ran out."""
        if self.by_program.pop(program, None) is not None or spent:
            self.unmeasured.append((spent, now))
        for silent, (usd, expires_at) in list(self.by_program.items()):
            if expires_at <= now:
                del self.by_program[silent]
                self.unmeasured.append((usd, expires_at))
        self.unmeasured = [(usd, at) for usd, at in self.unmeasured if usd and now < at + SETTLE]

    def outstanding(self) -> Decimal:
        """Return what may be spent or was, and is in no measurement."""
        leased = sum((usd for usd, _ in self.by_program.values()), ZERO)
        return leased + sum((usd for usd, _ in self.unmeasured), ZERO)

    def next_lease(self, row: Mapping[str, Any]) -> Decimal:
        """Return the lease for the next program, of what nobody has."""
        left: Decimal = row["remaining_usd"] - self.others_usd - self.outstanding()
        free = max(left, ZERO)
        lease: Decimal = max(free / LEASE_SHARE, min(free, row["limit_usd"] / LEASE_PARTS_MAX))
        return lease.quantize(STEP, "ROUND_DOWN")

    def needs_a_claim(self, row: Mapping[str, Any], now: datetime) -> bool:
        """Return whether what would be lent is more than the others know, or know for too long."""
        needed = self.outstanding() + self.next_lease(row)
        if self.claimed_at is None or now - self.claimed_at >= RENEW:
            return bool(needed or self.claimed_usd)
        return needed > self.claimed_usd


class Lender:
    """Parts what budgets have left among the programs that ask.

    Args:
        claims: What collectors tell each other of what they lend; None: there is no other one.
    """

    def __init__(self, claims: Claims | None = None) -> None:
        self._claims = claims
        self._lock = Lock()
        self._leases: dict[Key, _Leases] = {}

    def lend(
        self, tenant: str, asking: Asking, rows: list[dict[str, Any]], now: datetime
    ) -> list[dict[str, Any]]:
        """Return the limits for one program, with a lease of each.

        Args:
            tenant: Whose budgets.
            asking: Who asks, and what it has used of its last leases.
            rows: The hard budgets, from `limits`.
            now: The time.

        Raises:
            StoreUnavailable: What is lent could not be written; nothing was lent.
        """
        used = {(one.name, one.value): one.used_usd for one in asking.used}
        with self._lock:
            budgets = []
            for row in rows:
                scope = row["budget"], row["value"]
                leases = self._leases.setdefault((tenant, *scope), _Leases())
                leases.settle(asking.program, used.get(scope, ZERO), now)
                budgets.append((row, leases))
            if self._claims is not None:
                self._claim(self._claims, tenant, budgets, now)
            return [self._lend(asking.program, row, leases, now) for row, leases in budgets]

    def _claim(
        self,
        claims: Claims,
        tenant: str,
        budgets: list[tuple[dict[str, Any], _Leases]],
        now: datetime,
    ) -> None:
        """Write what will be lent before it is, and look at what the others took after that."""
        if not any(leases.needs_a_claim(row, now) for row, leases in budgets):
            return
        taken: dict[tuple[str, str], Decimal] = {}
        self._look(claims, tenant, budgets)
        for row, leases in budgets:
            claim = leases.outstanding() + CLAIM_LEASES * leases.next_lease(row)
            taken[row["budget"], row["value"]] = claim
            leases.claimed_usd = min(claim, leases.claimed_usd)
        claims.write(tenant, taken)
        self._look(claims, tenant, budgets)
        for row, leases in budgets:
            leases.claimed_usd, leases.claimed_at = taken[row["budget"], row["value"]], now

    def _look(
        self, claims: Claims, tenant: str, budgets: list[tuple[dict[str, Any], _Leases]]
    ) -> None:
        others = claims.others(tenant)
        for row, leases in budgets:
            leases.others_usd = others.get((row["budget"], row["value"]), ZERO)

    def _lend(
        self, program: str, row: dict[str, Any], leases: _Leases, now: datetime
    ) -> dict[str, Any]:
        lease = leases.next_lease(row)
        if self._claims is not None:
            lease = min(lease, max(leases.claimed_usd - leases.outstanding(), ZERO))
        if len(leases.by_program) >= PROGRAMS_MAX:
            lease = ZERO
        if lease:
            leases.by_program[program] = (lease, now + timedelta(seconds=LEASE_S))
        return {**_shown(row), "lease_usd": plain(lease), "lease_s": LEASE_S}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    where = {name: list(values) for name, values in row["chosen"].items()}
    if row["dimension"]:
        where[row["dimension"]] = [row["value"]]
    return {
        "name": row["budget"],
        "value": row["value"],
        "where": where,
        "limit_usd": plain(row["limit_usd"]),
        "remaining_usd": plain(row["remaining_usd"]),
        "until": plain(row["period_ends_at"]),
        "measured_at": plain(row["measured_at"]),
    }


def add_limits(api: FastAPI, collector: Collected) -> None:
    """Add the routes about limits."""
    lender = Lender(Claims(lambda: collector.ledger))

    def switches(tenant: str, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "name": kill.name,
                "where": {name: list(values) for name, values in kill.where.items()},
                "reason": kill.reason,
                "until": kill.until.isoformat() if kill.until is not None else None,
            }
            for kill in collector.policy.section(Kills).entries
            if kill.tenant == tenant and (kill.until is None or kill.until > now)
        ]

    @api.get("/v1/limits")
    def show_limits(tenant: Tenant) -> dict[str, Any]:
        """Return the hard budgets and the switches that are in force; money is text."""
        now = datetime.now(UTC)
        rows = [_shown(row) for row in limits(collector.store, tenant, now)]
        return {"limits": rows, "kills": switches(tenant, now)}

    @api.post("/v1/limits")
    def lend(tenant: SenderTenant, asking: Asking) -> dict[str, Any]:
        """Return the limits for one program, each with dollars that it alone may spend."""
        now = datetime.now(UTC)
        rows = limits(collector.store, tenant, now)
        return {"limits": lender.lend(tenant, asking, rows, now), "kills": switches(tenant, now)}
