"""Limits that the collector serves: hard budgets and switches, obeyed before a call is made.

The export thread asks with `POST /v1/limits`, every POLL_S and when half of a lease is used. A
lease is dollars of a budget that this process alone may spend, held to as any budget is. Where the
collector cannot be asked, calls are made (`open`) or refused (`closed`), as the program chose.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal, InvalidOperation
from time import monotonic
from typing import Any, Final

from tollbook.budgets import ZERO, HeldSpending, Spending, plain
from tollbook.guard import Attempt, Outcome, Refused
from tollbook.scope import CURRENT
from tollbook.send import FAILURES, Sender
from tollbook.settings import Settings
from tollbook.tally import FAULT, LIMITS_UNREADABLE, Losses

POLL_S: Final = 15.0  # so much later at most a switch is obeyed, while calls are made
RETRY_S: Final = 2.0  # after an answer that was none
ASK_TIMEOUT_S: Final = 2.0
STALE_S: Final = 90.0  # what was said longer ago is not known any more
LIMITS_MAX: Final = 10_000
OK: Final = 200
STEP: Final = Decimal("0.000000000001")
SOON: Final = Decimal("0.5")  # of a lease, after which more is asked for
# Tags that calls are chosen by; the other dimensions are facts of the call.
TAG_DIMENSIONS: Final = ("team", "feature", "customer")


class LimitReached(Refused):
    """A budget that the collector serves has too little left for the next call.

    Attributes:
        limit: Name of the budget.
        left_usd: What this process may still spend of it.
    """

    def __init__(self, limit: "Limit", left_usd: Decimal, attempt: Attempt) -> None:
        super().__init__(
            f"budget {limit.name!r} of the collector leaves this process {plain(left_usd)} usd,"
            f" but a call of {attempt.model!r} may need {plain(attempt.cost_usd or ZERO)}"
            f" usd; it ends {limit.until}, or raise it in tollbook.toml",
            attempt,
        )
        self.limit = limit.name
        self.left_usd = left_usd


class Killed(Refused):
    """A switch of the collector stops calls like this one.

    Attributes:
        switch: Its name.
    """

    def __init__(self, switch: "Switch", attempt: Attempt) -> None:
        said = f" ({switch.reason})" if switch.reason else ""
        super().__init__(
            f"calls of {attempt.provider} {attempt.model!r} are stopped by the switch"
            f" {switch.name!r} of the collector{said}; it is in [[kills]] of tollbook.toml",
            attempt,
        )
        self.switch = switch.name


class LimitsUnknown(Refused):
    """The collector could not be asked for limits, and the program chose `closed` for that case."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(
            "the collector's limits are not known, and TOLLBOOK_LIMITS is closed; start the"
            " collector, or choose open",
            attempt,
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """Calls that are stopped."""

    name: str
    where: Mapping[str, Sequence[str]]
    reason: str
    until: datetime | None


@dataclass(slots=True)
class Limit:
    """A budget, and what this process may spend of it."""

    name: str
    value: str
    where: Mapping[str, Sequence[str]]
    lease_usd: Decimal
    until: str
    spending: Spending

    def used_usd(self) -> Decimal:
        """Return what was spent, and what calls under way need at most."""
        spending = self.spending
        return spending.usd + spending.held_usd + spending.error_usd

    def left_usd(self) -> Decimal:
        """Return what may still be spent."""
        return self.lease_usd - self.spending.usd - self.spending.held_usd


class _HeldAll:
    """What several limits hold for one call."""

    __slots__ = ("_holds",)

    def __init__(self, holds: Sequence[HeldSpending]) -> None:
        self._holds = holds

    def release(self) -> None:
        """Give it back."""
        for hold in self._holds:
            hold.release()

    def settle(self, outcome: Outcome) -> None:
        """Replace what is held by what was used."""
        for hold in self._holds:
            hold.settle(outcome)


class Served:
    """The limits of the collector, as far as they are known.

    Args:
        lock: Its block is held while limits are looked at and replaced.
        losses: Where answers that cannot be read are counted.
        program: Names this process to the collector.
        settings: Which calls these are, and what holds while nothing is known.
    """

    def __init__(
        self,
        lock: AbstractContextManager[bool],
        losses: Losses,
        program: str,
        settings: Settings,
    ) -> None:
        self.known_at: float | None = None  # monotonic seconds
        self._lock = lock
        self._losses = losses
        self._program = program
        self._sender = Sender()
        self._limits: list[Limit] = []
        self._switches: list[Switch] = []
        self._next_at = 0.0
        self._settings = settings

    def in_child(self, lock: AbstractContextManager[bool], losses: Losses) -> "Served":
        """Return the same for a forked child, which knows nothing yet."""
        return Served(lock, losses, os.urandom(16).hex(), self._settings)

    def admit(self, attempt: Attempt, *, forced: bool) -> _HeldAll | None:
        """Hold a call's estimate in each limit that is for it, or raise what stops it."""
        settings = self._settings
        if forced:
            return None
        known = self.known_at is not None and monotonic() - self.known_at <= STALE_S
        if not known:
            if settings.limits == "closed":
                raise LimitsUnknown(attempt)
            return None
        facts = facts_of(attempt, settings)
        for switch in self._switches:
            over = switch.until is not None and switch.until <= datetime.now(UTC)
            if not over and matches(switch.where, facts):
                raise Killed(switch, attempt)
        chosen = [limit for limit in self._limits if matches(limit.where, facts)]
        for limit in chosen:
            error_usd, _ = limit.spending.uncertain(attempt)
            if (attempt.cost_usd or ZERO) + error_usd > limit.left_usd():
                self._next_at = 0.0
                raise LimitReached(limit, limit.left_usd(), attempt)
            if limit.left_usd() < limit.lease_usd * SOON:
                self._next_at = 0.0
        return _HeldAll([HeldSpending(limit.spending, attempt) for limit in chosen])

    def wait_s(self) -> float:
        """Return the seconds until it is time to ask, 0 if it is."""
        return max(self._next_at - monotonic(), 0.0)

    def ask(self, settings: Settings) -> None:
        """Ask the collector, with one attempt. Never raises."""
        self._settings = settings
        self._next_at = monotonic() + RETRY_S
        try:
            with self._lock:
                used = {(one.name, one.value): one.used_usd() for one in self._limits}
            status, content = self._sender.ask(settings, self._question(used), ASK_TIMEOUT_S)
            if status != OK:
                return
            said = json.loads(content)
            limits = [_limit(one) for one in said["limits"][:LIMITS_MAX]]
            switches = [_switch(one) for one in said["kills"][:LIMITS_MAX]]
        except ConnectionRefusedError:
            return
        except FAILURES:
            self._forget_leases(settings)
            return
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
            self._losses.count(LIMITS_UNREADABLE)
            return
        except Exception:
            self._losses.count(FAULT)
            return
        with self._lock:
            self._replace(limits, used)
            self._switches = switches
            self.known_at = monotonic()
            self._next_at = self.known_at + POLL_S

    def _question(self, used: Mapping[tuple[str, str], Decimal]) -> bytes:
        said = [
            {"name": name, "value": value, "used_usd": format(usd.quantize(STEP, ROUND_UP), "f")}
            for (name, value), usd in used.items()
        ]
        return json.dumps({"program": self._program, "used": said}).encode()

    def _replace(self, limits: list[Limit], used: Mapping[tuple[str, str], Decimal]) -> None:
        # What was used while the question was on its way is of the new lease.
        before = {(one.name, one.value): one for one in self._limits}
        for limit in limits:
            key = (limit.name, limit.value)
            if key in before:
                limit.spending.usd = max(before[key].used_usd() - used[key], ZERO)
        self._limits = limits

    def _forget_leases(self, settings: Settings) -> None:
        """Where an answer got lost the old lease may be another's already, so `closed` ends it."""
        if settings.limits == "closed":
            with self._lock:
                for limit in self._limits:
                    limit.lease_usd = ZERO


def facts_of(attempt: Attempt, settings: Settings) -> Mapping[str, str]:
    """Return the values of a call by dimension."""
    tags = {**dict(settings.tags), **CURRENT.get().tags}
    facts = {
        "service": settings.service_name,
        "environment": dict(settings.resource).get("deployment.environment.name", ""),
        "provider": attempt.provider,
        "model": attempt.model or "",
        "operation": attempt.operation,
        "service_tier": attempt.service_tier or "",
    }
    facts.update({name: str(tags.get(name, "")) for name in TAG_DIMENSIONS})
    return facts


def matches(where: Mapping[str, Sequence[str]], facts: Mapping[str, str]) -> bool:
    """Return whether a call is one of those that are chosen; a dimension we lack chooses none."""
    return all(facts.get(dimension) in values for dimension, values in where.items())


def _where(said: Any) -> Mapping[str, Sequence[str]]:
    return {str(name): [str(value) for value in values] for name, values in said.items()}


def _limit(said: Mapping[str, Any]) -> Limit:
    lease_usd = Decimal(said["lease_usd"])
    if not lease_usd.is_finite():
        raise ValueError("a lease is a number of dollars")
    return Limit(
        name=str(said["name"]),
        value=str(said["value"]),
        where=_where(said["where"]),
        lease_usd=lease_usd,
        until=str(said["until"]),
        spending=Spending(),
    )


def _switch(said: Mapping[str, Any]) -> Switch:
    until = said.get("until")
    ends = datetime.fromisoformat(until.replace("Z", "+00:00")) if until else None
    return Switch(str(said["name"]), _where(said["where"]), str(said.get("reason") or ""), ends)
