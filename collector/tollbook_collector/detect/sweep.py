"""Sweeps for findings that are no stretch of a series: new entities, runaway runs, doubtful data.

Each is told once, and again only when there is more to say or when it is over.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.first_seen import first_seen
from tollbook_collector.detect.quality import quality_drift
from tollbook_collector.detect.runs import IDLE, runaway_runs
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import Tables
from tollbook_collector.store import sql

RUN_CHANNELS: Final = ("runaway_run", "loop")
QUALITY_CHANNELS: Final = ("unpriced_share", "estimated_share", "fixed_share")
# What was told is remembered so long; a run is told again only if it is longer than this.
REMEMBERED: Final = timedelta(days=28)
# A doubtful share is one finding for so long.
QUALITY_NEWS: Final = timedelta(hours=24)


def sweep_runs(
    store: Tables, section: DetectSection, tenant: str, until: datetime
) -> list[Anomaly]:
    """Return the runs that went out of hand, those that went on, and those that are over.

    Args:
        store: Holds runs and what was told.
        section: What people decided.
        tenant: Whose.
        until: The moment up to which it is looked; a run is found while it runs.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    # A run that looped and one that only grew are one finding.
    told = _told(store, tenant, until, RUN_CHANNELS)
    by_run = {one.dimensions["run_id"]: one for one in told}
    news = []
    running = set()
    for one in runaway_runs(store, section, tenant, until, sorted(by_run)):
        before = by_run.get(one.dimensions["run_id"])
        running.add(one.dimensions["run_id"])
        if before is None:
            news.append(one)
        elif one.updated_at > before.updated_at:
            news.append(_renamed(one, before))
    news += [
        _ended(one)
        for run_id, one in by_run.items()
        if one.ended_at is None and run_id not in running and one.updated_at < until - IDLE
    ]
    return news


def sweep(store: Tables, tenant: str, until: datetime, with_quality: bool) -> list[Anomaly]:
    """Return the entities that are new, and shares of doubtful calls that rose.

    Args:
        store: Holds calls and what was told.
        tenant: Whose.
        until: The moment up to which it is looked.
        with_quality: Also look at shares of doubtful calls, which need whole hours.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    told = _told(store, tenant, until, (*QUALITY_CHANNELS, "first_seen", "model_version"))
    by_id = {one.id: one for one in told}
    news = [one for one in first_seen(store, tenant, until) if one.id not in by_id]
    if with_quality:
        recent = {
            (one.channel, one.dimensions.get("model"))
            for one in told
            if one.channel in QUALITY_CHANNELS and one.updated_at > until - QUALITY_NEWS
        }
        news += [
            one
            for one in quality_drift(store, tenant, until)
            if (one.channel, one.dimensions["model"]) not in recent
        ]
    return news


def _told(store: Tables, tenant: str, until: datetime, channels: Sequence[str]) -> list[Anomaly]:
    parameters = {
        "tenant": tenant,
        "since": f"{until - REMEMBERED:%Y-%m-%d %H:%M:%S}",
        "channels": list(channels),
    }
    rows = store.rows(sql.read("queries/anomalies_reported"), parameters)
    return [_anomaly(tenant, *row) for row in rows]


def _anomaly(
    tenant: str,
    _: str,
    series: dict[str, str],
    tier: Any,
    channel: str,
    started_at: datetime,
    detected_at: datetime,
    updated_at: datetime,
    ended_at: datetime | None,
    score: float,
    so_far: Any,
    explanation: str,
    evidence: str,
) -> Anomaly:
    return Anomaly(
        tenant=tenant,
        dimensions=dict(series),
        tier=tier,
        channel=str(channel),
        started_at=_utc(started_at),
        detected_at=_utc(detected_at),
        score=float(score),
        dollars_so_far=so_far,
        dollars_projected=None,
        explanation=explanation,
        updated_at=_utc(updated_at),
        evidence=json.loads(evidence),
        ended_at=None if ended_at is None else _utc(ended_at),
    )


def _renamed(one: Anomaly, before: Anomaly) -> Anomaly:
    """Return news about a run under the name that it was first told by."""
    return replace(
        one,
        channel=before.channel,
        started_at=before.started_at,
        detected_at=before.detected_at,
        dimensions=before.dimensions,
    )


def _ended(one: Anomaly) -> Anomaly:
    return replace(one, ended_at=one.updated_at)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
