"""docs/sql.md: every question in it runs through the guard and finds something."""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from worked import fill

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


@pytest.fixture(name="worked_tenant", scope="module")
def _worked_tenant(priced: ClickHouse) -> str:
    """A tenant over whose data every question finds something."""
    tenant = f"worked-{uuid.uuid4().hex[:8]}"
    fill(priced, tenant)
    return tenant


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 30


@pytest.mark.parametrize(("question", "statement"), QUESTIONS, ids=[q for q, _ in QUESTIONS])
def test_a_worked_question_is_answered(
    priced: ClickHouse, worked_tenant: str, question: str, statement: str
) -> None:
    asked = UserSql(Asking(priced)).confined(worked_tenant, statement)
    rows = priced.rows(asked.statement, asked.parameters, asked.settings)

    assert len(rows) > 0


def test_the_tables_that_may_be_asked_are_described_as_they_are(priced: ClickHouse) -> None:
    written = DOCUMENT.read_text().partition(HEADING)[2].lstrip("\n")

    assert written == tables(priced), "run: make docs"
    assert [line for line in written.split("\n") if line.endswith("|  |")] == []
