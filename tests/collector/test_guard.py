"""The guard of user SQL: one SELECT over one's own rows passes, and nothing else."""

from typing import Any

import pytest
from otlp_requests import call

from tollbook_collector.answer.guard import ENGINE_SETTINGS, SqlRefused, guarded
from tollbook_collector.store.client import ClickHouse, StoreRefused

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
def test_a_question_about_spend_is_answered(priced: ClickHouse, tenant: str, text: str) -> None:
    answer = priced.formatted(
        guarded(text), "JSONEachRow", {"tenant": tenant}, dict(ENGINE_SETTINGS)
    )

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
