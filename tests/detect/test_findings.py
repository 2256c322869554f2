"""What a detector finds is kept once, with its newest news."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tollbook_collector.answer.guard import ENGINE_SETTINGS, guarded
from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.findings import Findings
from tollbook_collector.store.client import ClickHouse

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def anomaly(tenant: str, **changed: Any) -> Anomaly:
    found = Anomaly(
        tenant=tenant,
        dimensions={"team": "search", "model": "gpt-5"},
        tier="hour",
        channel="spend",
        started_at=START,
        detected_at=START + timedelta(hours=1),
        score=3.5,
        dollars_so_far=Decimal("41.000000000001"),
        dollars_projected=None,
        explanation="spend of team search doubled",
        updated_at=START,
        evidence={"delta_usd": Decimal("0.1"), "at": START},
    )
    return replace(found, **changed)


def test_an_anomaly_that_is_reported_again_is_one_row_with_the_newest_news(
    priced: ClickHouse, tenant: str
) -> None:
    findings = Findings(priced)

    findings.report(anomaly(tenant))
    findings.report(anomaly(tenant, dollars_so_far=Decimal("50"), updated_at=START))

    statement = guarded("SELECT id, so_far_usd, projected_usd, series['team'] FROM anomalies")
    rows = priced.rows(statement, {"tenant": tenant}, dict(ENGINE_SETTINGS))
    assert rows == [(anomaly(tenant).id, Decimal("50"), None, "search")]


def test_dollars_of_the_evidence_keep_every_digit(priced: ClickHouse, tenant: str) -> None:
    Findings(priced).report(anomaly(tenant))

    statement = guarded("SELECT so_far_usd, evidence FROM anomalies")
    ((so_far, evidence),) = priced.rows(statement, {"tenant": tenant}, dict(ENGINE_SETTINGS))

    assert so_far == Decimal("41.000000000001")
    assert json.loads(evidence) == {"delta_usd": "0.1", "at": "2026-11-20T09:00:00+00:00"}


def test_another_start_channel_or_series_is_another_anomaly(tenant: str) -> None:
    first = anomaly(tenant)
    others = [
        replace(first, started_at=START + timedelta(hours=1)),
        replace(first, channel="requests"),
        replace(first, dimensions={"team": "search"}),
        replace(first, tenant=f"{tenant}2"),
    ]

    assert len({first.id, *(other.id for other in others)}) == 5
    assert replace(first, score=9.0, ended_at=START).id == first.id
