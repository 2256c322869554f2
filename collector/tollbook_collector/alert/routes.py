"""Which alerts go where, and when: `[[routes]]` of tollbook.toml."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from tollbook_collector.alert.finding import Severity, rank
from tollbook_collector.alert.incident import Incident
from tollbook_collector.alert.webhooks import Webhook
from tollbook_collector.detect.budgets import Values
from tollbook_collector.policy import Section

ROUTES_MAX: Final = 200
TO_MAX: Final = 20
Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: _duration(value)),
    Field(ge=timedelta(0), le=timedelta(days=7)),
]


def _duration(value: object) -> object:
    """Return a length of time of its text: 90s, 5m, 1h, 2d; 0 is none."""
    if value in (0, "0"):
        return timedelta(0)
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if isinstance(value, str) and value[:-1].isdigit() and value[-1:] in units:
        return timedelta(**{units[value[-1]]: min(int(value[:-1]), 10**6)})
    if isinstance(value, timedelta):
        return value
    raise ValueError("not a length of time, as in 90s, 5m, 1h or 2d")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, as in Europe/Berlin") from None
    return name


class Quiet(Section):
    """Hours in which only critical alerts are sent; the others follow at their end.

    Attributes:
        since: Time of day at which they begin, as 22:00.
        until: Time of day at which they end.
        zone: Whose time of day.
    """

    since: time
    until: time
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    def ends(self, at: datetime) -> datetime | None:
        """Return when the quiet hours end in which an instant is; None: it is in none."""
        local = at.astimezone(ZoneInfo(self.zone))
        for days in (-1, 0):
            day = local.date() + timedelta(days=days)
            begin = datetime.combine(day, self.since, local.tzinfo)
            end = datetime.combine(day, self.until, local.tzinfo)
            if self.until <= self.since:
                end = datetime.combine(day + timedelta(days=1), self.until, local.tzinfo)
            if begin <= local < end:
                return end.astimezone(UTC)
        return None


class Route(Section):
    """What goes to which webhooks, and how.

    Attributes:
        name: Names it in screens and the log.
        to: Names of webhooks.
        events: Kinds of messages that it takes, with * for any letters; empty: all.
        severity: The mildest that it takes.
        tenant: Whose incidents; empty: everybody's.
        where: Values of dimensions, any of which an incident has; a dimension that the incident
            does not name does not match.
        usd: The least dollars, so far or by the end of the month; critical ones pass.
        quiet: Hours in which only critical alerts are sent.
        group: What comes within so long of the first is sent as one message.
        cooldown: The same incident is not told again within so long, unless it gets worse or ends.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    to: Annotated[tuple[str, ...], Field(min_length=1, max_length=TO_MAX)]
    events: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    severity: Severity = "warning"
    tenant: str = ""
    where: Mapping[str, Values] = {}
    usd: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    quiet: Quiet | None = None
    group: Duration = timedelta(0)
    cooldown: Duration = timedelta(hours=1)

    def takes(self, incident: Incident, event: str) -> bool:
        """Return whether news of an incident goes this way."""
        if self.tenant and self.tenant != incident.tenant:
            return False
        if rank(incident.severity) < rank(self.severity):
            return False
        if self.events and not any(fnmatchcase(event, pattern) for pattern in self.events):
            return False
        if any(incident.dimensions.get(name) not in values for name, values in self.where.items()):
            return False
        return incident.severity == "critical" or self._is_dear(incident)

    def _is_dear(self, incident: Incident) -> bool:
        dollars = [
            abs(usd) for usd in (incident.so_far_usd, incident.projected_usd) if usd is not None
        ]
        return max(dollars, default=Decimal(0)) >= self.usd


class Routes(Section):
    """The section `[[routes]]`."""

    entries: Annotated[tuple[Route, ...], Field(max_length=ROUTES_MAX)] = ()


def in_force(routes: Sequence[Route], webhooks: Sequence[Webhook]) -> list[Route]:
    """Return the routes; without any, one of all warnings to all webhooks."""
    if routes or not webhooks:
        return list(routes)
    return [Route(name="default", to=tuple(webhook.name for webhook in webhooks[:TO_MAX]))]


def unknown_webhooks(routes: Sequence[Route], webhooks: Sequence[Webhook]) -> list[str]:
    """Return which routes go to a webhook that is not there, a line each."""
    names = [webhook.name for webhook in webhooks]
    return [
        f"the route {route.name!r} goes to {name!r}, which is no webhook;"
        f" {', '.join(names) or 'there are none'}"
        for route in routes
        for name in route.to
        if name not in names
    ]
