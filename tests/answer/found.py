"""Findings and budgets as the collector writes them, for pages to show."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tollbook_collector.alert.finding import Finding
from tollbook_collector.store.client import ClickHouse


def finding(tenant: str, texts: Sequence[str], evidence: dict[str, Any]) -> Finding:
    """Return a finding that says one of the texts wherever it says something."""
    first, last = texts[0], texts[-1]
    return Finding(
        tenant=tenant,
        kind="anomaly",
        key=f"{first} {last}",
        severity="critical",
        title=f"spend of team {first}",
        explanation=f"team {last}: calls rose from 12 to 140",
        started_at=datetime.now(UTC) - timedelta(hours=2),
        dimensions={"team": first, "feature": last} if first != last else {"team": first},
        channel="spend",
        so_far_usd=Decimal(41),
        projected_usd=Decimal(610),
        evidence=evidence,
    )


def insert_budget(
    store: ClickHouse,
    tenant: str,
    name: str,
    value: str,
    spent_usd: str = "30",
    limit_usd: str = "40",
) -> None:
    """Insert a team's budget of the month as the watch of budgets measures it."""
    now = datetime.now(UTC)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    spent, limit = Decimal(spent_usd), Decimal(limit_usd)
    row = {
        "tenant": tenant,
        "budget": name,
        "dimension": "team",
        "value": value,
        "period_starts_at": first,
        "period_ends_at": following,
        "period": "month",
        "zone": "UTC",
        "chosen": {},
        "hard": True,
        "owner": value,
        "limit_usd": limit,
        "spent_usd": spent,
        "remaining_usd": limit - spent,
        "calls": 7,
        "unpriced_calls": 1,
        "crossed": Decimal("0.5"),
        "fast_burn": 3.0,
        "slow_burn": 2.0,
        "burning": "fast",
        "forecast_usd": spent + 20,
        "forecast_low_usd": spent + 15,
        "forecast_high_usd": spent + 25,
        "forecast_error": 0.1,
        "in_force": True,
        "measured_at": now,
    }
    store.insert("budget_periods", list(row), [list(row.values())])
