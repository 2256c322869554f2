"""Anomalies and drift over REST."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fastapi.testclient import TestClient

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.findings import Findings
from tollbook_collector.store.client import ClickHouse


def reported(priced: ClickHouse, tenant: str, evidence: dict[str, str]) -> Anomaly:
    began = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    found = Anomaly(
        tenant=tenant,
        dimensions={"team": f"search{len(evidence)}"},
        tier="hour",
        channel="spend",
        started_at=began,
        detected_at=began + timedelta(hours=1),
        score=4.0,
        dollars_so_far=Decimal("12.000000000001"),
        dollars_projected=None,
        explanation="calls rose",
        updated_at=began + timedelta(hours=1),
        evidence=evidence,
    )
    Findings(priced).report(found)
    return found


def test_anomalies_are_listed_with_every_digit_and_without_the_parts_of_others(
    api: TestClient, priced: ClickHouse, tenant: str
) -> None:
    root = reported(priced, tenant, {})
    part = reported(priced, tenant, {"explained_by": root.id})

    roots = api.get("/v1/anomalies").json()["rows"]
    everything = api.get("/v1/anomalies", params={"parts": True}).json()["rows"]

    assert [row["id"] for row in roots] == [root.id]
    assert roots[0]["so_far_usd"] == "12.000000000001"
    assert roots[0]["ended_at"] is None
    assert {row["id"] for row in everything} == {root.id, part.id}


def test_a_period_of_drift_that_is_none_is_refused_with_the_form_it_should_have(
    api: TestClient,
) -> None:
    wrong = api.get("/v1/drift/report", params={"baseline": "may", "current": "2026-11-01"})
    backwards = api.get(
        "/v1/drift/report", params={"baseline": "2026-11-02..2026-11-01", "current": "2026-11-01"}
    )
    empty = api.get(
        "/v1/drift/report", params={"baseline": "2026-10-01..2026-10-31", "current": "2026-11-01"}
    )

    assert wrong.status_code == 400
    assert "2026-10-01..2026-10-31" in wrong.json()["error"]
    assert backwards.status_code == 400
    assert empty.status_code == 200
    assert "There were no calls in either period" in empty.text
