"""Plans which news of incidents is told to whom, and writes it into the outbox.

Every decision is written down, also that something is not told and why. What was decided is known
by the incident's sequence number, so a plan that was cut off is made again and comes out the same.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from tollbook_collector.alert.incident import Incident, from_row
from tollbook_collector.alert.outbox import Database, Message, message_id, write
from tollbook_collector.alert.payloads import message as content_of
from tollbook_collector.alert.routes import Route
from tollbook_collector.duties import try_each
from tollbook_collector.store import sql

NEWS_MAX: Final = 1_000
# News that waited longer, as the collector or its store was away, is not told any more.
LOOK_BACK: Final = timedelta(days=4)
# What began so long ago and is over when it is found is history: a backlog, not an alarm.
BACKLOG: Final = timedelta(hours=6)
# They end a silence or make it worse, so the cooldown does not hold them.
URGENT: Final = ("escalated", "resolved", "woken")


@dataclass
class _Told:
    """What was told of an incident one way."""

    at: datetime | None = None
    opened: bool = False


class Plan:
    """Plans messages.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        routes: Returns what goes where, as tollbook.toml has it now.
        now: The clock.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        routes: Callable[[], Sequence[Route]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._routes = routes
        self._now = now

    def plan(self) -> None:
        """Decide on all news of which nothing was decided yet.

        Raises:
            StoreUnavailable: Nothing was written, or all of it.
            SomeFailed: Some news could not be decided on and waits; all else was written.
        """
        now, store = self._now(), self._store()
        since = {"since": (now - LOOK_BACK).strftime("%Y-%m-%d %H:%M:%S")}
        parameters = {**since, "limit": NEWS_MAX}
        news = [from_row(row) for row in store.rows(sql.read("queries/incident_news"), parameters)]
        if not news:
            return
        told = {
            (tenant, incident, webhook, route): _Told(
                at.replace(tzinfo=UTC) if count else None, bool(count)
            )
            for tenant, incident, webhook, route, at, count in store.rows(
                sql.read("queries/alerts_told"), since
            )
        }
        messages: list[Message] = []
        failed = try_each(
            news,
            lambda incident: messages.extend(self._decide(incident, told, now)),
            lambda incident: f"incident {incident.incident} of {incident.tenant}",
        )
        write(store, messages)
        if failed is not None:
            raise failed

    def _decide(
        self, incident: Incident, told: dict[tuple[str, str, str, str], _Told], now: datetime
    ) -> list[Message]:
        event = kind_of(incident)
        messages = []
        for route in self._routes():
            if not route.takes(incident, event):
                continue
            for webhook in route.to:
                before = told.setdefault(
                    (incident.tenant, incident.incident, webhook, route.name), _Told()
                )
                planned = _planned(incident, event, route, webhook, before, now)
                messages.append(planned)
                if planned.state == "waiting":
                    before.at, before.opened = now, True
        if not messages:
            nobody = _message(incident, event, "", "", now)
            messages.append(replace(nobody, state="muted", reason="no route takes it"))
        return messages


def kind_of(incident: Incident) -> str:
    """Return the type of the message about the newest thing that happened to an incident."""
    if incident.event != "resolved":
        if incident.kind == "budget" and incident.channel == "exceeded":
            return "budget.exceeded"
        if incident.kind == "drift":
            return "retrain.suggested"
        if incident.kind == "silence":
            return "data.stopped"
    return f"incident.{incident.event}"


def _planned(
    incident: Incident, event: str, route: Route, webhook: str, before: _Told, now: datetime
) -> Message:
    message = _message(incident, event, route.name, webhook, now)
    if reason := _muted(incident, route, before, now):
        return replace(message, state="muted", reason=reason)
    next_at = now + route.group
    if route.quiet is not None and incident.severity != "critical":
        next_at = route.quiet.ends(now) or next_at
    return replace(message, next_at=next_at)


def _muted(incident: Incident, route: Route, before: _Told, now: datetime) -> str:
    """Return why news is not told; empty: it is."""
    if incident.event == "resolved":
        return "" if before.opened else "that it began was not told"
    if incident.parent:
        return f"it is a part of {incident.parent}"
    if incident.snoozed_until is not None and incident.snoozed_until > now:
        return f"snoozed until {incident.snoozed_until:%Y-%m-%d %H:%M} UTC"
    if incident.feedback in ("expected", "planned") and incident.event != "escalated":
        return f"a person said that it is {incident.feedback}"
    if not incident.active and now - incident.started_at > BACKLOG:
        return "it was over before it was found"
    cold = before.at is not None and now - before.at < route.cooldown
    if cold and incident.event not in URGENT:
        return f"told less than {int(route.cooldown.total_seconds())} s ago"
    return ""


def _message(incident: Incident, event: str, route: str, webhook: str, now: datetime) -> Message:
    name = message_id(incident.tenant, incident.incident, str(incident.sequence), route, webhook)
    return Message(
        tenant=incident.tenant,
        message=name,
        incident=incident.incident,
        sequence=incident.sequence,
        type=event,
        severity=incident.severity,
        title=incident.title,
        route=route,
        webhook=webhook,
        content=json.dumps(content_of(incident, event), ensure_ascii=False),
        state="waiting",
        reason="",
        attempts=0,
        next_at=now,
        created_at=now,
    )
