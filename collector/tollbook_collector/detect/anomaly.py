"""An anomaly: what a detector found, and where it hands it to.

Its id is made of what it is and never of when it was looked at, so that a detector which is killed
and replays its rows, or two of them, report one anomaly and not two.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

# What it was found in: rows of a minute, an hour or a day, one run of an agent, or windows of days.
Tier = Literal["minute", "hour", "day", "run", "drift"]
ID_CHARACTERS: Final = 24


@dataclass(frozen=True)
class Anomaly:
    """One finding of one detector about one series; reported again while it goes on.

    Attributes:
        tenant: Whose data it is.
        dimensions: The series, as {"team": "search", "model": "gpt-5"}; empty: all of the tenant.
        tier: What it was found in.
        channel: What went wrong: a name of `channels.SCORED`, or another detector's word such as
            first_seen, runaway_run, unpriced_share, drift_output_tokens. A lower-case word.
        started_at: Start of the first row that it was found in, UTC.
        detected_at: When the row that showed it was complete, by the clock of the data, UTC.
        score: Decades of rarity; 3 opens an anomaly, more is rarer. Not negative.
        dollars_so_far: Spend beyond what was expected, from the start; NULL: unknown.
        dollars_projected: The same at the end of the calendar month (UTC) if it goes on.
        explanation: One plain sentence.
        evidence: What it rests on, as JSON has it; dollars in it are text.
        updated_at: Start of the newest row that this report knows of, UTC.
        ended_at: When it was over, UTC; None: it goes on.
    """

    tenant: str
    dimensions: Mapping[str, str]
    tier: Tier
    channel: str
    started_at: datetime
    detected_at: datetime
    score: float
    dollars_so_far: Decimal | None
    dollars_projected: Decimal | None
    explanation: str
    updated_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None

    @property
    def id(self) -> str:
        """Return the same text for the same finding, whenever and however often it is made."""
        return anomaly_id(self.tenant, self.dimensions, self.tier, self.channel, self.started_at)


class Reporter(Protocol):
    """Who is told of anomalies."""

    def report(self, anomaly: Anomaly) -> None:
        """Take an anomaly in; one with a known id is news about that anomaly.

        It must be safe to be told the same again: after a crash it will be.
        """


def drift_of_a_day(
    tenant: str,
    dimensions: Mapping[str, str],
    channel: str,
    strength: float,
    text: str,
    until: datetime,
    evidence: Mapping[str, Any],
) -> Anomaly:
    """Return the drift that was found in a day, which is over when it is told.

    Args:
        tenant: Whose data it is.
        dimensions: The series.
        channel: What drifted, as drift_output_tokens.
        strength: How far; 1 is what is told at all, and less is told as 1.
        text: One plain sentence.
        until: End of the day, a midnight, UTC.
        evidence: What it rests on.
    """
    began_at = (until - timedelta(days=1)).astimezone(UTC)
    return Anomaly(
        tenant=tenant,
        dimensions=dimensions,
        tier="drift",
        channel=channel,
        started_at=began_at,
        detected_at=until,
        score=round(2.0 + max(strength, 1.0), 3),
        dollars_so_far=None,
        dollars_projected=None,
        explanation=text,
        updated_at=began_at,
        evidence=evidence,
        ended_at=until,
    )


def anomaly_id(
    tenant: str, dimensions: Mapping[str, str], tier: str, channel: str, started_at: datetime
) -> str:
    """Return the id of an anomaly, ID_CHARACTERS hexadecimal digits.

    >>> at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> one = anomaly_id("acme", {"team": "search", "model": "m"}, "hour", "spend", at)
    >>> one == anomaly_id("acme", {"model": "m", "team": "search"}, "hour", "spend", at)
    True
    >>> one == anomaly_id("acme", {"team": "search"}, "hour", "spend", at)
    False
    """
    parts = [tenant, tier, channel, started_at.astimezone(UTC).isoformat(timespec="seconds")]
    for name in sorted(dimensions):
        parts += [name, dimensions[name]]
    # Lengths keep values that hold the separator apart.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_CHARACTERS]
