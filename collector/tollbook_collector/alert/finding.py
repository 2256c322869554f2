"""A finding: something that a person should know of, from whichever part found it.

It is told again and again while it goes on, under one key; what becomes of it is an incident.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
Kind = Literal["anomaly", "drift", "budget", "unpriced", "imbalance", "silence", "collector"]
ID_CHARACTERS: Final = 12


@dataclass(frozen=True)
class Finding:
    """What was found, as it stands.

    Args:
        tenant: Whose data it is.
        kind: Which part found it.
        key: Names it within the kind: the same each time that it is told, also after a restart.
        severity: How much it matters.
        title: One short line.
        explanation: One plain sentence or two.
        started_at: When it began, by the clock of the data, UTC.
        dimensions: What it is about, as {"team": "search"}; empty: all of the tenant.
        channel: What went wrong, a word of its kind.
        so_far_usd: Dollars that it cost beyond what was expected; None: unknown or not about money.
        projected_usd: The same at the end of the month if it goes on.
        ended_at: When it was over; None: it goes on.
        evidence: What it rests on, as JSON has it; dollars in it are text.
        part_of: Source of the finding that explains this one; empty: none is known.
    """

    tenant: str
    kind: Kind
    key: str
    severity: Severity
    title: str
    explanation: str
    started_at: datetime
    dimensions: Mapping[str, str] = field(default_factory=dict)
    channel: str = ""
    so_far_usd: Decimal | None = None
    projected_usd: Decimal | None = None
    ended_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    part_of: str = ""

    @property
    def source(self) -> str:
        """Return the kind and the key as one text."""
        return f"{self.kind}:{self.key}"


def incident_id(finding: Finding) -> str:
    """Return the id of the incident that a finding opens: the same after any crash or replay."""
    parts = (finding.tenant, finding.kind, finding.key)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return f"inc_{hashlib.sha256(text.encode()).hexdigest()[:ID_CHARACTERS]}"


def rank(severity: str) -> int:
    """Return the place of a severity, mildest 0."""
    return SEVERITIES.index(severity)
