"""The guard of user SQL: one SELECT over one's own rows passes, and nothing else."""

import json
import socket
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from escapes import escapes, variants
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from otlp_requests import call, request

from tollbook_collector.answer.guard import (
    ENGINE_SETTINGS,
    FUNCTIONS,
    SHARED_TABLES,
    TABLES,
    SqlRefused,
    guarded,
)
from tollbook_collector.answer.user_sql import UserSql, engine_settings
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreRefused, StoreUnavailable


@dataclass
class Asking:
    """A collector that only asks."""

    store: ClickHouse
    user_sql: bool = True


@pytest.fixture(name="user_sql")
def _user_sql(priced: ClickHouse) -> UserSql:
    return UserSql(Asking(priced))


ALLOWED = [
    "SELECT model, sum(cost_usd) FROM calls GROUP BY model ORDER BY 2 DESC LIMIT 5",
    "WITH dear AS (SELECT team, cost_usd FROM calls WHERE cost_usd > 1)"
    " SELECT team, sum(cost_usd) AS usd FROM dear GROUP BY ALL",
    "SELECT toStartOfHour(started_at) AS hour, quantile(0.95)(duration_ns), countIf(failed)"
    " FROM calls WHERE started_at > now() - INTERVAL 7 DAY GROUP BY hour ORDER BY hour",
    "SELECT tags['team'] AS t, count() FROM calls AS c"
    " WHERE has(finish_reasons, 'stop') GROUP BY t",
    "SELECT c.model, any(r.input_usd) FROM calls AS c"
    " JOIN rate_cards AS r USING (price_id) GROUP BY 1",
    "SELECT count() FROM calls UNION ALL SELECT sum(calls) FROM spend",
    "SELECT count() FROM calls WHERE model IN (SELECT model FROM spend)",
    "SELECT dateDiff('hour', min(started_at), max(started_at)) FROM calls",
    "SELECT if(failed, 'no', 'yes') AS ok, avg(input_tokens) FROM calls GROUP BY ok",
    "SELECT 1 + 1",
    "WITH RECURSIVE n AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT * FROM n",
    "WITH (SELECT max(cost_usd) FROM calls) AS most SELECT most",
    "SELECT * EXCEPT tags FROM calls ARRAY JOIN finish_reasons AS reason WHERE reason != 'stop'",
    "SELECT model FROM calls WHERE NOT exists(SELECT 1 FROM spend) LIMIT 1 BY model",
    "SELECT -1, (1, 2).1, [1, 2][1], 'a' || 'b', model NOT LIKE '%x', CASE WHEN failed THEN 1 END,"
    " toDate('2026-11-01') + INTERVAL 1 DAY, CAST(1 AS String), 1 BETWEEN 0 AND 2 FROM calls",
]

REFUSED = [
    "SELECT file('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT /* x */ `fIlE`('/etc/passwd')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV', 'a String')",
    "SELECT * FROM merge('default', '^spans$')",
    "SELECT * FROM mergeTreeIndex('tollbook', 'spans')",
    "SELECT * FROM remote('127.0.0.1', tollbook.spans)",
    "SELECT * FROM numbers(10)",
    "SELECT * FROM view(SELECT 1)",
    "SELECT * FROM calls, numbers(3)",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1; SELECT 2",
    "SELECT * FROM calls SETTINGS readonly = 0",
    "SELECT * FROM calls FORMAT CSV",
    "SELECT * FROM system.tables",
    "SELECT * FROM tollbook.spans",
    "SELECT * FROM (SELECT * FROM schema_ledger)",
    "SELECT 1 WHERE 'x' IN schema_ledger",
    "SELECT 1 WHERE 'x' GLOBAL IN system.tables",
    "SELECT * FROM spans FINAL",
    "WITH calls AS (SELECT 1) SELECT * FROM calls",
    "SELECT dictGet('rate_card_by_call', 'price_id', 1)",
    "SELECT joinGet('a', 'b', 1)",
    "SELECT sleep(3)",
    "SELECT hostName()",
    "SELECT getSetting('readonly')",
    "SELECT showCertificate()",
    "SELECT {name:Identifier}",
    "SELECT * FROM {name:Identifier}",
    "INSERT INTO spans SELECT * FROM spans",
    "ALTER TABLE spans DELETE WHERE 1",
    "DROP TABLE spans",
    "KILL QUERY WHERE 1",
    "USE system",
    "SET readonly = 0",
    "SYSTEM SHUTDOWN",
    "EXPLAIN SELECT 1",
    "DESCRIBE TABLE spans",
    "SHOW TABLES",
    "",
    "-- nothing",
    "SELECT",
    "(" * 5_000 + "1" + ")" * 5_000,
    "SELECT '" + "x" * 70_000 + "'",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", ALLOWED)
def test_a_question_about_spend_is_answered(user_sql: UserSql, tenant: str, text: str) -> None:
    answer = user_sql.run(tenant, text, "json")

    assert isinstance(answer, bytes)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SqlRefused):
        guarded(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count() FROM calls",
        "SELECT count() FROM spans",
        "SELECT sum(calls) FROM spend",
        "SELECT count() FROM calls AS a JOIN spans AS b ON 1 = 1",
        "SELECT count() FROM calls WHERE 1 = 1 OR tenant != ''",
        "WITH x AS (SELECT tenant FROM calls) SELECT count() FROM x",
        "SELECT count() FROM (SELECT * FROM calls UNION ALL SELECT * FROM calls)",
    ],
)
def test_no_statement_counts_the_rows_of_another_tenant(
    priced: ClickHouse, insert: Any, tenant: str, text: str
) -> None:
    insert(priced, [call("openai", "gpt-4o", 1, 1)])

    rows = priced.rows(guarded(text), {"tenant": f"not-{tenant}"}, dict(ENGINE_SETTINGS))

    assert [int(row[0]) for row in rows] == [0]


def test_the_engine_is_told_to_write_nothing(priced: ClickHouse) -> None:
    with pytest.raises(StoreRefused, match="readonly"):
        priced.rows("SELECT 1 SETTINGS max_threads = 3", settings=dict(ENGINE_SETTINGS))


def insert_for(store: ClickHouse, *tenants: str, **tags: str) -> None:
    """Insert a call for each tenant, all in one part, with tags that name the tenant."""
    content = header()
    for number, name in enumerate(tenants):
        given = {f"tollbook.tags.{tag}": value.format(tenant=name) for tag, value in tags.items()}
        body = request([call("openai", "gpt-4o", 10, 1, **given)])
        content += record(Envelope(name, "key1", 1_790_000_000_000_000_000, number + 1, 1, body))
    store.insert_segment(content, uuid.uuid4().hex)


def test_no_known_escape_passes_in_any_clothes() -> None:
    """F1: refused by the guard alone, before the engine hears of it."""
    dressed = [*escapes(), *variants()]
    passed = []
    for text in dressed:
        try:
            passed.append((text, guarded(text)))
        except SqlRefused:
            continue

    assert len(escapes()) >= 90
    assert len(dressed) >= 800
    assert passed == []


def test_without_the_guard_the_engines_reading_its_filters_and_the_sandbox_still_hold(
    priced: ClickHouse, tenant: str, tmp_path: Path
) -> None:
    """F2: the first wall is knocked out: the text itself goes to the engine."""
    secret, written = tmp_path / "secret.txt", tmp_path / "written.txt"
    secret.write_text("SECRET-OF-THE-MACHINE")
    rival = f"rival{uuid.uuid4().hex[:8]}"
    insert_for(priced, tenant, rival, team="team-of-{tenant}")
    user_sql = UserSql(Asking(priced))
    answers, refused = [], 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for plain in escapes():
            text = plain.replace("FILE", str(secret)).replace("OUT", str(written))
            try:
                asked = user_sql.checked(tenant, text.replace("URL", url))
                limited = {**asked.settings, "max_execution_time": 1, "max_result_rows": 1_000}
                answers.append(
                    priced.formatted(asked.statement, "JSONEachRow", asked.parameters, limited)
                )
            except (SqlRefused, StoreRefused, StoreUnavailable):
                refused += 1
        with pytest.raises(TimeoutError):
            listener.accept()

    together = b"".join(answers)
    assert refused > 100
    assert rival.encode() not in together
    assert b"SECRET-OF-THE-MACHINE" not in together
    assert not written.exists()


def test_without_the_guard_only_ones_own_rows_are_seen(priced: ClickHouse, tenant: str) -> None:
    """F2: a filter on every table takes the guard's place, also behind views."""
    rival = f"rival{uuid.uuid4().hex[:8]}"
    insert_for(priced, tenant, rival, team="x")
    user_sql = UserSql(Asking(priced))

    for table in sorted(TABLES - SHARED_TABLES):
        asked = user_sql.checked(tenant, f"SELECT tenant FROM {table}")
        rows = priced.rows(asked.statement, asked.parameters, asked.settings)
        assert {row[0] for row in rows} <= {tenant}, table
    assert len(rows) > 0 or table != "spans"


def test_without_the_engines_settings_the_guard_still_holds(
    priced: ClickHouse, tenant: str
) -> None:
    """F2: the second wall is knocked out: no limits, no filter, no readonly."""
    rival = f"rival{uuid.uuid4().hex[:8]}"
    insert_for(priced, tenant, rival, team="x")

    for text in (
        "SELECT tenant FROM spans",
        "WITH x AS (SELECT * FROM calls) SELECT tenant FROM x",
    ):
        rows = priced.rows(guarded(text), {"tenant": tenant})
        assert rows == [(tenant,)]


def test_the_tables_that_hold_tenants_all_have_the_filter(priced: ClickHouse, tenant: str) -> None:
    tables = [str(name) for (name,) in priced.rows(sql.read("queries/tenant_tables"))]

    filters = engine_settings(tenant, tables)["additional_table_filters"]

    assert {name.partition(".")[2] for name in tables} >= {
        "spans",
        "spend_hourly",
        "keys",
        "copies",
    }
    assert filters.count(f"tenant = \\'{tenant}\\'") == len(tables)
    assert engine_settings("o'x", ["a.b"])["additional_table_filters"] == (
        "{'a.b': 'tenant = \\'o\\\\\\'x\\''}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count() AS n FROM calls WHERE toInt64(team) = 1",
        "SELECT count() AS n FROM spans WHERE toInt64(team) = 1 AND length(model) > 0",
        "SELECT count() AS n FROM spend WHERE toInt64(team) = 1",
        "SELECT count() AS n FROM spend_hourly WHERE toInt64(team) = 1",
        "SELECT count() AS n FROM token_charges WHERE toInt64(team) = 1",
        "SELECT count() AS n FROM calls AS a JOIN calls AS b USING (trace_id)"
        " WHERE toInt64(a.team) = 1 AND toInt64(b.team) = 1",
        "SELECT toInt64(team) AS n FROM spans WHERE model = 'gpt-4o'",
        "SELECT count() AS n FROM spans GROUP BY toInt64(team) HAVING toInt64(team) > 0",
    ],
)
def test_an_error_tells_nothing_of_another_tenants_rows(
    priced: ClickHouse, user_sql: UserSql, tenant: str, text: str
) -> None:
    """The engine must judge whose row it is before it judges what the user asks of it."""
    content = header()
    for number, (name, team) in enumerate([(tenant, "1"), (f"{tenant}-rival", "SECRET")]):
        body = request([call("openai", "gpt-4o", 10, 1, **{"tollbook.tags.team": team})])
        content += record(Envelope(name, "key1", 1_790_000_000_000_000_000, number + 1, 1, body))
    priced.insert_segment(content, uuid.uuid4().hex)

    answer = user_sql.run(tenant, text, "json")

    assert answer.strip()


COLUMNS = ["team", "model", "provider", "service", "operation", "error_type"]
SUMS = ["count()", "sum(input_tokens)", "uniqExact(model)", "max(cost_usd)", "groupUniqArray(team)"]
CONDITIONS = [
    "1 = 1",
    "toInt64(team) >= 0",
    "tenant != ''",
    "NOT failed",
    "model IN (SELECT model FROM calls)",
    "length(tags) > 0 OR toUInt8(team) = 7",
    "input_tokens > (SELECT avg(input_tokens) FROM spans)",
]


@st.composite
def questions(draw: st.DrawFn) -> str:
    """Draw a statement that the guard allows."""
    table = draw(st.sampled_from(["calls", "spans", "(SELECT * FROM calls WHERE 1 = 1)"]))
    column, total = draw(st.sampled_from(COLUMNS)), draw(st.sampled_from(SUMS))
    where = " AND ".join(draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3)))
    text = f"SELECT {column}, {total} FROM {table} WHERE {where} GROUP BY {column}"
    if draw(st.booleans()):
        text = f"WITH x AS ({text}) SELECT * FROM x"
    if draw(st.booleans()):
        text += " UNION ALL SELECT service, sum(calls) FROM spend GROUP BY service"
    return f"SELECT * FROM ({text}) ORDER BY ALL"


@given(
    question=questions(), team=st.sampled_from(["7", "x", "", "\\N", "-1"]), calls=st.integers(1, 3)
)
@example(
    question="SELECT team, count() FROM calls WHERE toInt64(team) >= 0 GROUP BY team",
    team="x",
    calls=1,
)
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_a_tenant_is_told_does_not_depend_on_another_ones_rows(
    priced: ClickHouse, user_sql: UserSql, tenant: str, question: str, team: str, calls: int
) -> None:
    """F3: the same question before and after the other tenant got rows; also its errors."""
    if not priced.rows(f"SELECT 1 FROM spans WHERE tenant = '{tenant}' LIMIT 1"):
        insert_for(priced, tenant, f"{tenant}-rival", team="7")

    def told() -> str:
        try:
            return user_sql.run(tenant, question, "table").decode()
        except StoreRefused as error:
            return str(error)

    before = told()
    insert_for(priced, *[f"{tenant}-rival"] * calls, team=team)
    # Into one part, so that the engine meets the rows of both together.
    priced.command("OPTIMIZE TABLE spans FINAL")

    assert told() == before
    assert f"{tenant}-rival" not in before
    assert "rows_read" not in before


def test_a_function_that_a_newer_engine_brings_is_refused(priced: ClickHouse) -> None:
    """F5: of all that this engine has, what is not listed is refused, by both readings."""
    listed = {name.lower() for name in FUNCTIONS}
    names = [str(name) for (name,) in priced.rows("SELECT name FROM system.functions")]
    unlisted = [name for name in names if name.lower() not in listed]
    passed = []
    for name in [*unlisted, "bornTomorrow"]:
        try:
            passed.append(guarded(f"SELECT `{name}`(team) FROM calls"))
        except SqlRefused:
            continue

    assert len(unlisted) > 1_000
    # What sqlglot writes as another function is that other one, which is listed.
    assert [text for text in passed if any(f"{name}(" in text for name in unlisted)] == []


def test_a_query_ends_at_its_limit_of_time_memory_and_rows(
    priced: ClickHouse, insert: Any, tenant: str, user_sql: UserSql
) -> None:
    """F6: with limits that are reached sooner; the same settings in the same place."""
    insert(priced, [call("openai", "gpt-4o", 1, 1)] * 40)
    crossed = "SELECT count() FROM " + ", ".join(f"spans AS t{n}" for n in range(8))
    asked = user_sql.confined(tenant, crossed)

    def run(**limits: Any) -> None:
        priced.rows(asked.statement, asked.parameters, {**asked.settings, **limits})

    with pytest.raises((StoreRefused, StoreUnavailable), match="TIMEOUT_EXCEEDED"):
        run(max_execution_time=0.3)
    rows = user_sql.confined(tenant, "SELECT a.model FROM spans AS a, spans AS b, spans AS c")
    with pytest.raises(StoreRefused, match="TOO_MANY_ROWS_OR_BYTES"):
        priced.rows(rows.statement, rows.parameters, {**rows.settings, "max_result_rows": 100})
    gathered = "SELECT groupArray(a.trace_id) FROM spans AS a, spans AS b, spans AS c"
    wide = user_sql.confined(tenant, gathered)
    with pytest.raises((StoreRefused, StoreUnavailable), match="MEMORY_LIMIT"):
        priced.rows(wide.statement, wide.parameters, {**wide.settings, "max_memory_usage": 100_000})
    assert json.loads(user_sql.run(tenant, "SELECT count() AS n FROM spans", "json"))["n"] == 40


def test_spans_are_stored_while_the_heaviest_allowed_query_runs(
    priced: ClickHouse, insert: Any, tenant: str, user_sql: UserSql
) -> None:
    """F6: the query is still at work when the inserts that came after it are answered."""
    insert(priced, [call("openai", "gpt-4o", 1, 1)] * 60)
    crossed = "SELECT count() FROM " + ", ".join(f"spans AS t{n}" for n in range(8))
    asked = user_sql.confined(tenant, crossed, name="heavy")
    ended: list[str] = []

    def ask() -> None:
        with pytest.raises((StoreRefused, StoreUnavailable)) as raised:
            priced.rows(asked.statement, asked.parameters, {**asked.settings, **patient})
        ended.append(str(raised.value))

    # Longer than a user's may run, so that it is ended by us and not by a slow machine.
    patient = {"max_execution_time": 60}
    running = (
        "SELECT count() FROM system.processes"
        " WHERE query LIKE '%AS t7%' AND query NOT LIKE '%system.processes%'"
    )
    heavy = threading.Thread(target=ask)
    heavy.start()
    while heavy.is_alive() and not priced.rows(running)[0][0]:
        heavy.join(0.02)
    for _ in range(3):
        insert(priced, [call("openai", "gpt-4o", 1, 1)] * 10)
    ended_before_the_inserts = list(ended)
    cancelled = user_sql.cancel(tenant, "heavy")
    heavy.join()

    assert ended_before_the_inserts == []
    assert cancelled == 1
    assert "QUERY_WAS_CANCELLED" in ended[0]
    assert json.loads(user_sql.run(tenant, "SELECT count() AS n FROM spans", "json"))["n"] == 90


def test_nothing_of_a_statement_is_left_for_the_next(
    priced: ClickHouse, tenant: str, user_sql: UserSql
) -> None:
    """F7: USE, SET and a statement that failed leave no trace."""
    for text in ("USE system", "SET max_threads = 3", "SELECT toInt64('x')"):
        with pytest.raises((StoreRefused, StoreUnavailable)):
            priced.rows(text, {"tenant": tenant}, user_sql.checked(tenant, "SELECT 1").settings)

    assert user_sql.run(tenant, "SELECT count() AS n FROM calls", "json") == b'{"n":0}\n'
