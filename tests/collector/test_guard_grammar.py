"""F4: statements out of a grammar, against the guard alone and against all walls.

`make fuzz-sql` makes up 100,000 of them; FUZZ_STATEMENTS says how many here. All of them have to
pass or be refused by the guard; those that pass are run, each by one wall alone and by both. They
come in rounds, each from a seed: what hypothesis remembers of a round makes each next statement
of it dearer, and a round that fails is made again by its seed. FUZZ_FIRST is the first seed.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from otlp_requests import call, request

from tollbook_collector.answer.guard import SqlRefused, guarded
from tollbook_collector.answer.user_sql import UserSql
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.client import ClickHouse, StoreRefused, StoreUnavailable

from .sql_grammar import statements

STATEMENTS = int(os.environ.get("FUZZ_STATEMENTS", "60"))
ROUND_STATEMENTS = min(STATEMENTS, 2_500)
FIRST = int(os.environ.get("FUZZ_FIRST", "1"))
ROUNDS = range(FIRST, FIRST + -(-STATEMENTS // ROUND_STATEMENTS))
# So many that each wall is passed often; more of them would be refused if the grammar rotted.
PASSED_MIN = ROUND_STATEMENTS // 8
LIMITS = {"max_execution_time": 2, "max_memory_usage": 200_000_000, "max_result_rows": 1_000}


@dataclass
class Asking:
    """A collector that only asks."""

    store: ClickHouse
    user_sql: bool = True


@dataclass
class Two:
    """A tenant and a rival, whose every text is a secret."""

    tenant: str
    secret: str
    file: Path


@pytest.fixture(scope="module", name="two")
def _two(priced: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Two:
    name = uuid.uuid4().hex[:12]
    two = Two(f"tenant-{name}", f"SECRET-{name}", tmp_path_factory.mktemp("f4") / "secret.txt")
    two.file.write_text(two.secret)
    content = header()
    for number, (tenant, text) in enumerate([(two.tenant, "own"), (two.secret, two.secret)]):
        tags = {f"tollbook.tags.{tag}": text for tag in ("team", "feature", "customer")}
        span = call("openai", "gpt-4o", 10, 1, at=datetime.now(UTC), **tags)
        body = request([span] * (number + 1), {"service.name": text})
        received_ns = int(datetime.now(UTC).timestamp()) * 1_000_000_000
        content += record(Envelope(tenant, f"key-{text}", received_ns, number + 1, 1, body))
    priced.insert_segment(content, uuid.uuid4().hex)
    return two


@pytest.mark.parametrize("number", ROUNDS)
def test_no_statement_of_the_grammar_brings_a_row_of_somebody_else(
    priced: ClickHouse, two: Two, number: int
) -> None:
    user_sql = UserSql(Asking(priced))
    passed, answered = [], []

    def told(statement: str, chosen: Mapping[str, Any]) -> tuple[str, ...]:
        said = ""
        try:
            rows = priced.rows(statement, {"tenant": two.tenant}, chosen)
        except (StoreRefused, StoreUnavailable) as error:
            said = str(error)
            rows = [[f"error {error.code}"]]
        # What the engine says of a wrong statement names columns and types; a row it must not.
        assert two.secret not in said, statement
        assert two.secret not in str(rows), statement
        answered.extend([statement] * (not said))
        return tuple(sorted(map(str, rows)))

    @seed(number)
    @given(statements())
    @settings(
        max_examples=ROUND_STATEMENTS,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def hold(drawn: str) -> None:
        text = drawn.replace("SECRET", str(two.file))
        try:
            statement = guarded(text)
            asked = user_sql.checked(two.tenant, statement)
        except (SqlRefused, StoreRefused):
            return
        passed.append(text)
        both = told(statement, {**asked.settings, **LIMITS})
        # The guard alone: its words must confine as much as the engine's filter does.
        alone = told(statement, LIMITS)
        assert alone == both or "error" in str(alone) + str(both), (text, statement)

    hold()

    assert len(passed) >= PASSED_MIN
    assert len(answered) >= PASSED_MIN


@pytest.mark.parametrize("number", ROUNDS)
def test_a_torn_statement_is_refused_in_words_or_passes(number: int) -> None:
    @seed(number)
    @given(
        statements(),
        st.integers(0, 400),
        st.integers(0, 9),
        st.sampled_from(["", "'", "(", "*/", "`"]),
    )
    @settings(
        max_examples=ROUND_STATEMENTS,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def hold(drawn: str, at: int, cut: int, put: str) -> None:
        torn = drawn[:at] + put + drawn[at + cut :]
        try:
            guarded(torn)
        except SqlRefused as refused:
            said = str(refused)
        else:
            said = "allowed"
        assert said

    hold()
