"""Anomalies over REST: what was found, and what a replay of history would have found."""

import json
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fastapi import FastAPI

from tollbook_collector.answer.as_json import plain
from tollbook_collector.answer.questions import Answerer, Period, WrongQuestion
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.backtest import backtest
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.policy import Policy
from tollbook_collector.store import sql

ROWS_MAX: Final = 1_000
# A replay goes through all series twice; a longer one is refused.
BACKTEST_DAYS_MAX: Final = 90
COLUMNS: Final = (
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
)


class Detecting(Protocol):
    """What the routes need of the collector."""

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""

    @property
    def policy(self) -> Policy:
        """What people decided."""


def add_anomalies(api: FastAPI, collector: Detecting) -> None:
    """Add the routes."""

    @api.get("/v1/anomalies")
    def anomalies(tenant: Tenant, since: str = "7d", parts: bool = False) -> dict[str, Any]:
        """Return anomalies that went on since a time, newest first; parts: also the explained."""
        parameters = {
            **Period.back(since).parameters(tenant),
            "parts": int(parts),
            "limit": ROWS_MAX,
        }
        rows = collector.store.rows(sql.read("queries/anomalies"), parameters)
        return {"rows": [_row(dict(zip(COLUMNS, row, strict=True))) for row in rows]}

    @api.get("/v1/anomalies/backtest")
    def replay(tenant: Tenant, since: str = "30d") -> dict[str, Any]:
        """Return what the detectors of today would have told since a time; nothing is kept."""
        now = datetime.now(UTC)
        begins_at = Period.back(since, now).since
        if (now - begins_at).days > BACKTEST_DAYS_MAX:
            raise WrongQuestion(f"{since!r} is too long: at most {BACKTEST_DAYS_MAX}d are replayed")
        section = collector.policy.section(DetectSection)
        found = backtest(collector.store, section, tenant, begins_at, now)
        return {"since": begins_at, "until": now, "rows": [_found(one) for one in found]}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: plain(value) for name, value in row.items()}
    shown["evidence"] = json.loads(row["evidence"] or "{}")
    return shown


def _found(one: Anomaly) -> dict[str, Any]:
    return {
        "id": one.id,
        "series": dict(one.dimensions),
        "tier": one.tier,
        "channel": one.channel,
        "started_at": plain(one.started_at),
        "detected_at": plain(one.detected_at),
        "updated_at": plain(one.updated_at),
        "ended_at": plain(one.ended_at),
        "score": one.score,
        "so_far_usd": plain(one.dollars_so_far),
        "projected_usd": plain(one.dollars_projected),
        "explanation": one.explanation,
        "evidence": json.loads(json.dumps(one.evidence, default=plain)),
    }
