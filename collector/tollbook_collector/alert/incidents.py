"""The incidents of all tenants: findings become incidents, and people handle them.

The store is the only memory: each round reads what is there and writes what follows, in one insert,
so that a collector which is killed goes on where the tables say, with the same ids.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, Final, Protocol

from tollbook_collector.alert import incident as steps
from tollbook_collector.alert.finding import Finding, incident_id
from tollbook_collector.alert.incident import COLUMNS, Incident, from_row
from tollbook_collector.store import sql

# Findings about the same calls are one incident when they begin within so long of each other, or
# when it was over for less than this.
MERGE_WITHIN: Final = timedelta(hours=6)
# A resolved incident is looked at so long, so that its findings do not open another.
REMEMBERED: Final = timedelta(days=40)
INCIDENTS_MAX: Final = 20_000
# A part is told alone unless the whole accounts for this share of its dollars.
EXPLAINED: Final = 0.8
# Kinds whose findings about the same calls are one incident, and parts of those about more calls.
SERIES_KINDS: Final = ("anomaly", "drift")


class Database(Protocol):
    """What incidents need of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


class UnknownIncident(LookupError):
    """The tenant has no incident of this id, or several whose ids begin so."""


class Incidents:
    """Incidents, kept in `incident_history`.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        now: The clock.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._now = now
        self._lock = threading.Lock()

    def tell(self, findings: Sequence[Finding], listed: Sequence[str] = ()) -> list[Incident]:
        """Take in what was found, and return the versions that were written.

        Args:
            findings: What was found; safe to be told again.
            listed: Kinds of which `findings` has all that go on: what is not there is over.

        Raises:
            StoreUnavailable: Nothing was written, or all of it.
        """
        with self._lock:
            now = self._now()
            book = _Book(self._kept(now), now)
            # Wholes first, so that their parts find them.
            for finding in sorted(findings, key=lambda one: bool(one.part_of)):
                book.tell(finding)
            book.end_missing({finding.source for finding in findings}, set(listed))
            book.settle()
            self._write(book.written)
            return book.written

    def act(
        self, tenant: str, incident: str, step: Callable[[Incident, datetime], Incident]
    ) -> Incident:
        """Let a person's step happen to an incident, and return the version after it.

        Args:
            tenant: Whose incident.
            incident: Its id, or the beginning of it.
            step: Returns the next version; one of the functions of `incident`.

        Raises:
            UnknownIncident: There is none, or more than one.
            WrongStep: It cannot take this step.
            StoreUnavailable: Nothing was written.
        """
        with self._lock:
            now = self._now()
            found = [
                kept
                for kept in self._kept(now)
                if kept.tenant == tenant and kept.incident.startswith(incident or "-")
            ]
            if len(found) != 1:
                raise UnknownIncident(
                    f"{len(found)} incidents have an id that begins with {incident!r}"
                    if found
                    else f"there is no incident {incident!r}; tollbook incidents list --all"
                )
            after = step(found[0], now)
            self._write([after])
            return after

    def _kept(self, now: datetime) -> list[Incident]:
        since = (now - REMEMBERED).strftime("%Y-%m-%d %H:%M:%S")
        parameters = {"since": since, "limit": INCIDENTS_MAX}
        rows = self._store().rows(sql.read("queries/incidents_kept"), parameters)
        return [from_row(row) for row in rows]

    def _write(self, versions: Sequence[Incident]) -> None:
        if versions:
            rows = [version.row() for version in versions]
            self._store().insert("incident_history", COLUMNS, rows)


# Whose calls, the kind of a finding about them, and their dimensions with values.
_Calls = tuple[str, str, frozenset[tuple[str, str]]]
# Of more dimensions than this only the tenant as a whole is looked for as the whole of a part.
WIDER_BY_MAX: Final = 6


class _Book:
    """The incidents of one round."""

    def __init__(self, kept: Iterable[Incident], now: datetime) -> None:
        self._now = now
        self._incidents: dict[tuple[str, str], Incident] = {}
        # Ids of incidents by the calls that they are about, and by each wider set of calls.
        self._about: dict[_Calls, list[str]] = {}
        self._within: dict[_Calls, list[str]] = {}
        for one in kept:
            self._keep(one)
        self._by_source = {
            (kept.tenant, source): kept.incident
            for kept in self._incidents.values()
            for source in kept.sources
        }
        self.written: list[Incident] = []

    def tell(self, finding: Finding) -> None:
        """Take one finding in."""
        known = self._by_source.get((finding.tenant, finding.source))
        known = known or self._mergeable(finding)
        if known is not None:
            after = steps.told(self._incidents[(finding.tenant, known)], finding, self._now)
        elif (finding.tenant, incident_id(finding)) in self._incidents:
            after = None
        else:
            after = steps.opened(finding, self._now, self._parent(finding))
        if after is None:
            return
        if known is not None and not after.parent and (whole := self._whole(finding, known)):
            self._add(after)
            after = steps.suppressed(after, whole, self._now)
        self._add(after)
        self._by_source[(finding.tenant, finding.source)] = after.incident
        if after.event == "opened":
            self._adopt(after)

    def end_missing(self, sources: set[str], listed: set[str]) -> None:
        """End the findings of the listed kinds that were not told."""
        for kept in list(self._incidents.values()):
            if kept.kind in listed and kept.status != "resolved":
                gone = set(kept.active) - sources
                if gone and gone == set(kept.active):
                    self._add(steps.over(kept, self._now))

    def settle(self) -> None:
        """End what has no finding that goes on, wake what slept, release parts of what is over."""
        for kept in list(self._incidents.values()):
            if kept.status == "resolved":
                continue
            if not kept.active:
                self._add(steps.over(kept, self._now))
        for kept in list(self._incidents.values()):
            if kept.status == "resolved":
                continue
            if kept.snoozed_until is not None and kept.snoozed_until <= self._now:
                kept = steps.woken(kept, self._now)
                self._add(kept)
            whole = self._incidents.get((kept.tenant, kept.parent)) if kept.parent else None
            if kept.parent and (whole is None or whole.status == "resolved"):
                self._add(steps.suppressed(kept, "", self._now))

    def _add(self, version: Incident) -> None:
        self._keep(version)
        self.written.append(version)

    def _keep(self, version: Incident) -> None:
        key = (version.tenant, version.incident)
        if key not in self._incidents:
            calls = _calls(version.tenant, version.kind, version.dimensions)
            self._about.setdefault(calls, []).append(version.incident)
            for wider in _wider(calls):
                self._within.setdefault(wider, []).append(version.incident)
        self._incidents[key] = version

    def _mergeable(self, finding: Finding) -> str | None:
        if finding.kind not in SERIES_KINDS:
            return None
        calls = _calls(finding.tenant, finding.kind, finding.dimensions)
        for name in self._about.get(calls, ()):
            kept = self._incidents[(finding.tenant, name)]
            ended = kept.resolved_at
            if ended is None or abs(finding.started_at - kept.started_at) <= MERGE_WITHIN:
                return kept.incident
            if timedelta(0) <= finding.started_at - ended <= MERGE_WITHIN:
                return kept.incident
        return None

    def _whole(self, finding: Finding, own: str = "") -> str:
        """Return the incident that the finding's own detector says explains it; empty: none."""
        name = self._by_source.get((finding.tenant, finding.part_of), "")
        whole = self._incidents.get((finding.tenant, name))
        if whole is None or whole.status == "resolved":
            return ""
        name = whole.parent or whole.incident
        return "" if name == own else name

    def _parent(self, finding: Finding) -> str:
        """Return the incident about more calls that explains a finding; empty: none does."""
        if whole := self._whole(finding):
            return whole
        calls = _calls(finding.tenant, finding.kind, finding.dimensions)
        wholes = [
            kept
            for wider in _wider(calls)
            for name in self._about.get(wider, ())
            if (kept := self._incidents[(finding.tenant, name)]).status != "resolved"
            and not kept.parent
            and _explains(kept, finding.kind, finding.dimensions, finding.started_at)
            and _pays_for(kept, finding.so_far_usd)
        ]
        # The widest one, so that parts of parts are told with the whole.
        wholes.sort(key=lambda kept: (len(kept.dimensions), kept.incident))
        return wholes[0].incident if wholes else ""

    def _adopt(self, whole: Incident) -> None:
        if whole.parent:
            return
        calls = _calls(whole.tenant, whole.kind, whole.dimensions)
        for name in list(self._within.get(calls, ())):
            kept = self._incidents[(whole.tenant, name)]
            if kept.status == "resolved" or kept.parent:
                continue
            if kept.incident == whole.incident or kept.status == "acknowledged":
                continue
            if _explains(whole, kept.kind, kept.dimensions, kept.started_at) and _pays_for(
                whole, kept.so_far_usd
            ):
                self._add(steps.suppressed(kept, whole.incident, self._now))


def _calls(tenant: str, kind: str, dimensions: Mapping[str, str]) -> _Calls:
    return tenant, kind, frozenset(dimensions.items())


def _wider(calls: _Calls) -> list[_Calls]:
    """Return every set of calls that holds all of these and more, by fewer dimensions."""
    tenant, kind, dimensions = calls
    if len(dimensions) > WIDER_BY_MAX:
        return [(tenant, kind, frozenset())]
    return [
        (tenant, kind, frozenset(some))
        for number in range(len(dimensions))
        for some in combinations(sorted(dimensions), number)
    ]


def _explains(
    whole: Incident, kind: str, dimensions: Mapping[str, str], started_at: datetime
) -> bool:
    """Return whether an incident is about all of a finding's calls and more, at the same time."""
    if kind not in SERIES_KINDS or whole.kind != kind:
        return False
    wider = whole.dimensions.items() < dict(dimensions).items()
    return wider and abs(whole.started_at - started_at) <= MERGE_WITHIN


def _pays_for(whole: Incident, so_far_usd: Any) -> bool:
    if whole.so_far_usd is None or so_far_usd is None:
        return True
    return float(whole.so_far_usd) >= EXPLAINED * float(so_far_usd)
