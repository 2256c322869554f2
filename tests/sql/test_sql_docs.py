"""docs/sql.md: every question in it runs through the guard and finds something."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span, cache_read, call

from tollbook_collector.answer.reference import HEADING, tables
from tollbook_collector.answer.user_sql import UserSql
from tollbook_collector.store.client import ClickHouse

DOCUMENT = Path(__file__).parents[2] / "docs/sql.md"
QUESTIONS = re.findall(r"\*\*(.+?)\*\*\n\n```sql\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)


@dataclass
class Asking:
    """A collector that only asks."""

    store: ClickHouse
    user_sql: bool = True


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
        Span({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 1.0, **common}),
        call("openai", "mystery", 10, 10, at=now, **common),
        call("openai", "gpt-5-mini", at=now, status_code=2, **{"error.type": "RateLimitError"}),
    ]


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize(("question", "statement"), QUESTIONS, ids=[q for q, _ in QUESTIONS])
def test_a_worked_question_is_answered(
    priced: ClickHouse, insert: Any, tenant: str, question: str, statement: str
) -> None:
    insert(priced, spans())

    asked = UserSql(Asking(priced)).confined(tenant, statement)
    rows = priced.rows(asked.statement, asked.parameters, asked.settings)

    assert len(rows) > 0


def test_the_tables_that_may_be_asked_are_described_as_they_are(priced: ClickHouse) -> None:
    written = DOCUMENT.read_text().partition(HEADING)[2].lstrip("\n")

    assert written == tables(priced), "run: make docs"
    assert [line for line in written.split("\n") if line.endswith("|  |")] == []
