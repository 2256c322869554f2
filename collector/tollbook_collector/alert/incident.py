"""An incident: what a person handles, and each step that it can take; pure, without a store.

Every step gives a new version with the next sequence number, so the history is never rewritten.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.alert.finding import Finding, incident_id, rank

COLLECTOR: Final = "tollbook"
NOTE_CHARACTERS_MAX: Final = 4_000
EXPLANATION_CHARACTERS_MAX: Final = 2_000
TITLE_CHARACTERS_MAX: Final = 200
EVIDENCE_CHARACTERS_MAX: Final = 20_000
SOURCES_MAX: Final = 200
# A change of dollars is written when it is so large a share, and not more often than this.
UPDATE_SHARE: Final = Decimal("0.1")
UPDATE_EVERY: Final = timedelta(minutes=5)
FEEDBACKS: Final = ("expected", "real", "planned")


class WrongStep(ValueError):
    """An incident cannot take this step; the message says why and what else to do."""


@dataclass(frozen=True)
class Incident:
    """One version of an incident; a row of `incident_history`, whose comments say what is what."""

    tenant: str
    incident: str
    sequence: int
    at: datetime
    event: str
    actor: str
    note: str
    status: str
    kind: str
    channel: str
    severity: str
    title: str
    explanation: str
    dimensions: Mapping[str, str]
    started_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    snoozed_until: datetime | None
    owner: str
    parent: str
    feedback: str
    so_far_usd: Decimal | None
    projected_usd: Decimal | None
    evidence: str
    sources: tuple[str, ...]
    active: tuple[str, ...]

    def row(self) -> list[Any]:
        """Return the values in the order of COLUMNS."""
        values = (getattr(self, name) for name in COLUMNS)
        return [list(value) if isinstance(value, tuple) else value for value in values]


COLUMNS: Final = tuple(field.name for field in fields(Incident))


def from_row(row: Any) -> Incident:
    """Return the version that a row of `incident_history` is, in the order of COLUMNS."""
    # The driver returns instants of UTC without their zone.
    return Incident(*(_as_kept(value) for value in row))


def _as_kept(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return tuple(value) if isinstance(value, list) else value


def opened(finding: Finding, now: datetime, parent: str = "") -> Incident:
    """Return the first version of the incident that a finding is."""
    return Incident(
        tenant=finding.tenant,
        incident=incident_id(finding),
        sequence=1,
        at=now,
        event="opened",
        actor=COLLECTOR,
        note="",
        status="open",
        kind=finding.kind,
        channel=finding.channel,
        severity=finding.severity,
        title=finding.title[:TITLE_CHARACTERS_MAX],
        explanation=finding.explanation[:EXPLANATION_CHARACTERS_MAX],
        dimensions=dict(finding.dimensions),
        started_at=finding.started_at,
        opened_at=now,
        acknowledged_at=None,
        resolved_at=None,
        snoozed_until=None,
        owner="",
        parent=parent,
        feedback="",
        so_far_usd=finding.so_far_usd,
        projected_usd=finding.projected_usd,
        evidence=_evidence(finding),
        sources=(finding.source,),
        active=() if finding.ended_at else (finding.source,),
    )


def told(incident: Incident, finding: Finding, now: datetime) -> Incident | None:
    """Return the next version after news of one of its findings; None: nothing to write down."""
    known = finding.source in incident.sources
    active = set(incident.active) - {finding.source}
    if finding.ended_at is None:
        active.add(finding.source)
    sources = incident.sources if known else (*incident.sources, finding.source)[-SOURCES_MAX:]
    worse = rank(finding.severity) > rank(incident.severity)
    resolved = incident.status == "resolved"
    if resolved and known and not worse:
        return None  # a person said that it is over; the same finding does not say otherwise
    if finding.ended_at is not None and resolved:
        return None
    leading = not known or len(sources) == 1 or worse
    after = replace(
        incident,
        severity=finding.severity if worse else incident.severity,
        title=finding.title[:TITLE_CHARACTERS_MAX] if worse else incident.title,
        explanation=finding.explanation[:EXPLANATION_CHARACTERS_MAX]
        if known and leading
        else incident.explanation,
        channel=finding.channel if worse else incident.channel,
        started_at=min(incident.started_at, finding.started_at),
        so_far_usd=_most(incident.so_far_usd, finding.so_far_usd),
        projected_usd=_most(incident.projected_usd, finding.projected_usd)
        if len(sources) > 1
        else finding.projected_usd,
        evidence=_evidence(finding) if leading else incident.evidence,
        sources=sources,
        active=tuple(sorted(active)),
    )
    if resolved:
        return _step(after, "reopened", now, status="open", resolved_at=None)
    if worse:
        return _step(after, "escalated", now)
    if not known:
        return _step(after, "merged", now, note=finding.title)
    if set(incident.active) != active:
        return _step(after, "updated", now)
    grown = _grown(incident.so_far_usd, after.so_far_usd)
    changed = grown or after.explanation != incident.explanation
    if changed and now - incident.at >= UPDATE_EVERY:
        return _step(after, "updated", now)
    return None


def over(incident: Incident, now: datetime) -> Incident:
    """Return the version in which it ended by itself."""
    return _step(incident, "resolved", now, status="resolved", resolved_at=now, active=())


def suppressed(incident: Incident, parent: str, now: datetime) -> Incident:
    """Return the version in which it is a part of another incident, or (empty) no longer is."""
    return _step(incident, "suppressed" if parent else "released", now, parent=parent)


def woken(incident: Incident, now: datetime) -> Incident:
    """Return the version in which its snooze is over."""
    return _step(incident, "woken", now, snoozed_until=None)


def acknowledged(incident: Incident, now: datetime, actor: str, note: str) -> Incident:
    """Return the version in which a person has taken it.

    Raises:
        WrongStep: It is resolved.
    """
    if incident.status == "resolved":
        raise WrongStep(f"{incident.incident} is resolved; there is nothing left to take")
    return _by_person(
        incident,
        "acknowledged",
        now,
        actor,
        note,
        status="acknowledged",
        acknowledged_at=incident.acknowledged_at or now,
        owner=incident.owner or actor,
    )


def resolved(incident: Incident, now: datetime, actor: str, note: str) -> Incident:
    """Return the version in which a person ended it.

    Raises:
        WrongStep: It is resolved already.
    """
    if incident.status == "resolved":
        raise WrongStep(f"{incident.incident} is resolved already")
    return _by_person(
        incident, "resolved", now, actor, note, status="resolved", resolved_at=now, active=()
    )


def snoozed(incident: Incident, now: datetime, actor: str, note: str, until: datetime) -> Incident:
    """Return the version about which nothing is sent until a moment.

    Raises:
        WrongStep: It is resolved, or the moment has passed.
    """
    if incident.status == "resolved":
        raise WrongStep(f"{incident.incident} is resolved; nothing is sent about it")
    if until <= now:
        raise WrongStep(f"{until.isoformat()} has passed")
    return _by_person(incident, "snoozed", now, actor, note, snoozed_until=until)


def noted(incident: Incident, now: datetime, actor: str, note: str) -> Incident:
    """Return the version with a person's words.

    Raises:
        WrongStep: There are none, or too many.
    """
    if not note.strip():
        raise WrongStep("the note is empty")
    return _by_person(incident, "noted", now, actor, note)


def owned(incident: Incident, now: datetime, actor: str, note: str, owner: str) -> Incident:
    """Return the version that somebody has; empty: nobody."""
    return _by_person(incident, "owned", now, actor, note, owner=owner[:TITLE_CHARACTERS_MAX])


def judged(incident: Incident, now: datetime, actor: str, note: str, feedback: str) -> Incident:
    """Return the version with what a person says it was: expected, real or planned.

    Raises:
        WrongStep: It is none of these.
    """
    if feedback not in FEEDBACKS:
        raise WrongStep(f"{feedback!r} is not {', '.join(FEEDBACKS)}")
    return _by_person(incident, "feedback", now, actor, note, feedback=feedback)


def _by_person(
    incident: Incident, event: str, now: datetime, actor: str, note: str, **changes: Any
) -> Incident:
    if len(note) > NOTE_CHARACTERS_MAX:
        raise WrongStep(f"the note has {len(note)} characters, at most {NOTE_CHARACTERS_MAX}")
    return _step(incident, event, now, actor=actor[:TITLE_CHARACTERS_MAX], note=note, **changes)


def _step(incident: Incident, event: str, now: datetime, **changes: Any) -> Incident:
    what = {"actor": COLLECTOR, "note": "", **changes}
    return replace(incident, sequence=incident.sequence + 1, at=now, event=event, **what)


def _evidence(finding: Finding) -> str:
    text = json.dumps(finding.evidence, sort_keys=True, ensure_ascii=False)
    if len(text) <= EVIDENCE_CHARACTERS_MAX:
        return text
    return json.dumps({"left_out": f"{len(text)} characters of evidence"})


def _most(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the larger sum: findings of one incident are about the same dollars."""
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


def _grown(before: Decimal | None, after: Decimal | None) -> bool:
    if after is None or before is None:
        return after is not before
    return after - before > UPDATE_SHARE * max(abs(before), Decimal("0.01"))
