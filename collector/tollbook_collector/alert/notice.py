"""Notices what people should know of, from what the other parts have written down.

Each source is a question in SQL over all tenants, so that what was found before a crash is noticed
after it, whoever found it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.alert.finding import Finding, Kind, Severity
from tollbook_collector.alert.incidents import Database, Incidents
from tollbook_collector.duties import try_each
from tollbook_collector.settings import OPEN_TENANT
from tollbook_collector.store import sql

FINDINGS_MAX: Final = 5_000
# Anomalies of which there was news within this before the start are looked at again.
LOOK_BACK: Final = timedelta(days=7)
UNPRICED_FOR: Final = timedelta(hours=24)
# Books are closed so long after an hour: until then requests are on their way.
BOOKS_SETTLE: Final = timedelta(minutes=15)
BOOKS_LOOK_BACK: Final = timedelta(days=2)
SILENCE_LOOK_BACK: Final = timedelta(days=14)
SILENCE_FLOOR: Final = timedelta(minutes=30)
# A tenant that has sent for less than this has no habits yet.
SILENCE_HISTORY: Final = timedelta(hours=24)
# Dollars by the end of the month from which on an anomaly is so severe.
WARNING_USD: Final = Decimal(10)
CRITICAL_USD: Final = Decimal(1000)
# Kinds that are told in full when they are looked at: what is not told any more is over.
LISTED: Final = ("budget", "collector", "unpriced", "imbalance", "silence")
# The last three read days of spend, so they are looked at less often.
LOOK_FAR: Final = timedelta(minutes=1)
# Tenants of the collector's own, as the canary's; what is wrong with them is a fault of it.
OWN_TENANTS: Final = "_"
ZERO: Final = Decimal(0)


class Notice:
    """Looks for what people should know of, and tells it to the incidents.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        incidents: What is told.
        faults: Returns what keeps the collector from its work.
        now: The clock.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        incidents: Incidents,
        faults: Callable[[], Sequence[str]] = lambda: (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._incidents = incidents
        self._faults = faults
        self._now = now
        self._version: int | None = None
        self._looked_far_at: datetime | None = None

    def look(self) -> None:
        """Look once at every source.

        Raises:
            StoreUnavailable: The store is away; the next look finds the same.
            SomeFailed: Some sources or anomalies could not be read; the others were told. An
                anomaly that cannot be read is not read again: it would keep what came after away.
        """
        now, store = self._now(), self._store()
        if self._version is None:
            self._version = int((now - LOOK_BACK).timestamp() * 1e9)
        news = store.rows(
            sql.read("queries/anomalies_since"), {"version": self._version, "limit": FINDINGS_MAX}
        )
        sources: dict[str, Callable[[], Sequence[Finding]]] = {
            "budget": lambda: budgets(store, now),
            "collector": lambda: [_fault(fault, now) for fault in self._faults()],
        }
        far = self._looked_far_at is None or now - self._looked_far_at >= LOOK_FAR
        if far:
            sources["unpriced"] = lambda: unpriced(store, now)
            sources["imbalance"] = lambda: unbalanced(store, now)
            sources["silence"] = lambda: silences(store, now)
        found: dict[str, Sequence[Finding]] = {}
        failed = try_each(sources, lambda kind: found.update({kind: sources[kind]()}))
        self._looked_far_at = now if far else self._looked_far_at
        findings = [one for some in found.values() for one in some]
        unread = try_each(news, lambda row: findings.append(_anomaly(row)), lambda row: str(row[1]))
        findings = [one for one in findings if not one.tenant.startswith(OWN_TENANTS)]
        # Of what could not be looked at nothing is over.
        self._incidents.tell(findings, [kind for kind in LISTED if kind in found])
        if news:
            self._version = int(news[-1][-1])
        if (one := failed or unread) is not None:
            raise one


def budgets(store: Database, now: datetime) -> list[Finding]:
    """Return a finding for each budget that crossed a threshold, burns, or will not last."""
    rows = store.rows(
        sql.read("queries/budgets_noteworthy"), {"now": _text(now), "limit": FINDINGS_MAX}
    )
    return [_budget(row) for row in rows]


def unpriced(store: Database, now: datetime) -> list[Finding]:
    """Return a finding for each model that was called at an unknown cost in the last day."""
    parameters = {"since": _text(now - UNPRICED_FOR), "limit": FINDINGS_MAX}
    found = []
    for tenant, provider, model, calls, since in store.rows(
        sql.read("queries/unpriced_now"), parameters
    ):
        name = model or "a model without a name"
        found.append(
            Finding(
                tenant=tenant,
                kind="unpriced",
                key=f"{provider}/{model}",
                severity="warning",
                title=f"{name} of {provider or 'an unknown provider'} has no known price",
                explanation="Its calls are in no sum of money. tollbook prices missing has them;"
                " a price of yours goes into the directory prices of the data.",
                started_at=_aware(since),
                dimensions={"provider": provider, "model": model},
                channel="unpriced",
                evidence={"calls": int(calls)},
            )
        )
    return found


def unbalanced(store: Database, now: datetime) -> list[Finding]:
    """Return a finding for each signal of which items are missing in hours that are closed."""
    until = (now - BOOKS_SETTLE).replace(minute=0, second=0, microsecond=0)
    parameters = {
        "since": _text(until - BOOKS_LOOK_BACK),
        "until": _text(until),
        "limit": FINDINGS_MAX,
    }
    return [
        Finding(
            tenant=tenant,
            kind="imbalance",
            key=signal,
            severity="critical",
            title=f"The books of {signal} do not balance",
            explanation=f"{abs(int(missing))} items were accepted and are "
            f"{'not stored' if missing > 0 else 'stored more than once'}; the table books has"
            " the hours, and tollbook quarantine list what the store refused.",
            started_at=_aware(first_hour),
            channel="imbalance",
            evidence={"signal": signal, "missing": int(missing)},
        )
        for tenant, signal, missing, first_hour in store.rows(
            sql.read("queries/books_unbalanced"), parameters
        )
    ]


def silences(store: Database, now: datetime) -> list[Finding]:
    """Return a finding for each tenant that has stopped to send calls."""
    parameters = {
        "since": _text(now - SILENCE_LOOK_BACK),
        "now": _text(now),
        "floor_s": int(SILENCE_FLOOR.total_seconds()),
        "history_s": int(SILENCE_HISTORY.total_seconds()),
        "limit": FINDINGS_MAX,
    }
    return [
        Finding(
            tenant=tenant,
            kind="silence",
            key=f"{_aware(last):%Y-%m-%dT%H:%M}",
            severity="critical",
            title="No calls come in any more",
            explanation=f"The last call started at {_aware(last):%Y-%m-%d %H:%M} UTC; the longest"
            f" pause of the last two weeks was {int(longest_s) // 60} minutes.",
            started_at=_aware(last),
            channel="silence",
            evidence={"longest_pause_s": int(longest_s)},
        )
        for tenant, last, longest_s in store.rows(sql.read("queries/silences"), parameters)
    ]


def _anomaly(row: Sequence[Any]) -> Finding:
    (tenant, key, series, tier, channel, started_at, detected_at, ended_at, score) = row[:9]
    so_far, projected, explanation, evidence, _ = row[9:]
    known = json.loads(evidence) if evidence else {}
    root = known.get("explained_by", "")
    kind: Kind = "drift" if tier == "drift" else "anomaly"
    about = ", ".join(f"{name} {value or '—'}" for name, value in series.items()) or "all calls"
    return Finding(
        tenant=tenant,
        kind=kind,
        key=key,
        severity=_severity(so_far, projected, tier),
        title=f"{channel.replace('_', ' ')} of {about}",
        explanation=explanation,
        started_at=_aware(started_at),
        dimensions=series,
        channel=channel,
        so_far_usd=so_far,
        projected_usd=projected,
        ended_at=None if ended_at is None else _aware(ended_at),
        evidence={
            **known,
            "score": score,
            "tier": tier,
            "detected_at": _aware(detected_at).isoformat(),
        },
        part_of=f"{kind}:{root}" if root else "",
    )


def _severity(so_far: Decimal | None, projected: Decimal | None, tier: str) -> Severity:
    """Return how severe an anomaly is, by what it costs; a cost that is unknown is not small."""
    if tier == "drift":
        return "warning"
    if so_far is None and projected is None:
        return "warning"
    dollars = max(abs(so_far or ZERO), abs(projected or ZERO))
    if dollars >= CRITICAL_USD:
        return "critical"
    return "warning" if dollars >= WARNING_USD else "info"


def _budget(row: Sequence[Any]) -> Finding:
    (tenant, budget, dimension, value, period, starts_at, ends_at, chosen, hard, owner) = row[:10]
    limit, spent, crossed, fast, slow, burning, expected, low, high = row[10:]
    whose = f" for {dimension} {value or '—'}" if dimension else ""
    share = f"{spent / limit:.0%}"
    severity: Severity = "warning"
    if crossed >= 1:
        channel, severity = "exceeded", "critical" if hard or spent > limit else "warning"
        title = f"Budget {budget}{whose} is used up"
    elif burning:
        rate = fast if burning == "fast" else slow
        channel, severity = f"{burning}_burn", "critical" if burning == "fast" else "warning"
        title = f"Budget {budget}{whose} is spent {rate:.1f} times too fast"
    elif crossed > 0:
        channel = "threshold"
        title = f"Budget {budget}{whose} has crossed {crossed * 100:.0f} %"
        severity = "warning" if crossed >= Decimal("0.8") else "info"
    else:
        channel, title = "forecast", f"Budget {budget}{whose} will not last"
    explanation = (
        f"${spent:,.2f} of ${limit:,.2f} ({share}) is spent in the {period} that ends"
        f" {_aware(ends_at):%Y-%m-%d %H:%M} UTC"
    )
    if expected is not None:
        explanation += f"; ${expected:,.2f} is to be expected (${low:,.2f} to ${high:,.2f})"
    return Finding(
        tenant=tenant,
        kind="budget",
        key=f"{budget}/{dimension}={value}/{_aware(starts_at):%Y-%m-%dT%H:%M}",
        severity=severity,
        title=title,
        explanation=f"{explanation}.",
        started_at=_aware(starts_at),
        dimensions={
            **{name: "|".join(values) for name, values in chosen.items()},
            **({dimension: value} if dimension else {}),
        },
        channel=channel,
        so_far_usd=spent - limit if spent > limit else None,
        projected_usd=expected - limit if expected is not None and expected > limit else None,
        evidence={
            "budget": budget,
            "owner": owner,
            "hard": bool(hard),
            "limit_usd": format(limit, "f"),
            "spent_usd": format(spent, "f"),
            "crossed": format(crossed.normalize(), "f"),
            "period_ends_at": _aware(ends_at).isoformat(),
        },
    )


def _fault(fault: str, now: datetime) -> Finding:
    return Finding(
        tenant=OPEN_TENANT,
        kind="collector",
        # What a fault says after its first words changes while it lasts.
        key=fault.split(":", 1)[0][:80],
        severity="critical",
        title="The collector cannot do its work",
        explanation=fault,
        started_at=now.replace(microsecond=0),
        channel="fault",
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
