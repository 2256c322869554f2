"""Keeps anomalies in the store: the reporter that every other one is added to."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from tollbook_collector.detect.anomaly import Anomaly

COLUMNS: Final = (
    "tenant",
    "id",
    "series",
    "tier",
    "channel",
    "started_at",
    "detected_at",
    "updated_at",
    "ended_at",
    "score",
    "so_far_usd",
    "projected_usd",
    "explanation",
    "evidence",
    "version",
)


class Tables(Protocol):
    """What the detectors need of the store."""

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


class Findings:
    """Writes anomalies into the table `anomaly_versions`.

    Args:
        store: Where to.
    """

    def __init__(self, store: Tables) -> None:
        self._store = store

    def report(self, anomaly: Anomaly) -> None:
        """Keep what is known of an anomaly now; the newest report of an id counts.

        Raises:
            StoreUnavailable, StoreRefused: It was not kept.
        """
        self._store.insert("anomaly_versions", COLUMNS, [_row(anomaly)])


def _row(anomaly: Anomaly) -> list[Any]:
    return [
        anomaly.tenant,
        anomaly.id,
        dict(anomaly.dimensions),
        anomaly.tier,
        anomaly.channel,
        anomaly.started_at,
        anomaly.detected_at,
        anomaly.updated_at,
        anomaly.ended_at,
        anomaly.score,
        anomaly.dollars_so_far,
        anomaly.dollars_projected,
        anomaly.explanation,
        json.dumps(anomaly.evidence, sort_keys=True, default=_text),
        time.time_ns(),
    ]


def _text(value: Any) -> str:
    """Return what JSON has no type for as text: money exact, times by ISO 8601."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"evidence holds {value!r}, which JSON has no form for")
