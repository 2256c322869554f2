"""Data over which every worked question and every panel of a dashboard finds something."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from otlp_requests import Span, cache_read, call, request

from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.client import ClickHouse


def spans() -> list[Span]:
    """Return calls of yesterday and today, priced, unpriced and failed, with tags and a cost."""
    now = datetime.now(UTC)
    common: dict[str, Any] = {
        "tollbook.tags.team": "search",
        "tollbook.tags.customer": "acme",
        "tollbook.tags.region": "eu",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.response.time_to_first_chunk": 0.2,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "tollbook.cost_usd": "0.01",
        "tollbook.run.id": "r1",
        "tollbook.run.name": "refund",
        "user.id": "u1",
        "session.id": "s1",
    }
    return [
        call("openai", "gpt-5-mini", 1_000, 100, at=now, **cache_read(400), **common),
        call("openai", "gpt-5-mini", 2_000, 50, at=now - timedelta(hours=30), **common),
        call("anthropic", "claude-sonnet-5-5", 900, 90, at=now, **common),
        call("openai", "gpt-5-mini", 100, 100, at=now, **cache_read(400), **common),
        Span(
            {"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 1.0, **common},
            at=now,
        ),
        call("openai", "mystery", 10, 10, at=now, **common),
        call("openai", "gpt-5-mini", at=now, status_code=2, **{"error.type": "RateLimitError"}),
    ]


def fill(store: ClickHouse, tenant: str) -> None:
    """Insert the spans, a budget that will not last, an open incident and an adjustment."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = spans()
    received_ns = int(now.timestamp()) * 1_000_000_000
    envelope = Envelope(tenant, "key1", received_ns, 1, len(made), request(made))
    store.insert_segment(header() + record(envelope), uuid.uuid4().hex)
    store.insert(
        "budget_periods",
        ["tenant", "budget", "period_ends_at", "limit_usd", "spent_usd", "forecast_usd"],
        [[tenant, "all", now + timedelta(days=9), Decimal(10), Decimal(9), Decimal(20)]],
    )
    store.insert(
        "incident_history",
        [
            "tenant",
            "incident",
            "sequence",
            "at",
            "status",
            "severity",
            "title",
            "started_at",
            "opened_at",
            "so_far_usd",
        ],
        [[tenant, f"i-{tenant}", 1, now, "open", "high", "spend rose", now, now, Decimal(3)]],
    )
    store.insert(
        "adjustments",
        ["tenant", "made_at", "kind", "period", "hour", "amount_usd", "author", "reason"],
        [[tenant, now, "rerate", now.date().replace(day=1), now, Decimal("0.5"), "ann", "prices"]],
    )
