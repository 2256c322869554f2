"""Tools that speak to ClickHouse: the real driver, SQLAlchemy and pandas over the door."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from conftest import Insert
from fastapi.testclient import TestClient
from gates import PEPPER
from otlp_requests import call
from serving import serving
from sqlalchemy import create_engine, inspect, text

from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.clickhouse_door import WrongFormat, plain, split_format
from tollbook_collector.answer.guard import TABLES
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import QUERY, VIEW, new_key
from tollbook_collector.store.client import ClickHouse

from .conftest import Reading


@pytest.fixture(name="door")
def _door(priced: ClickHouse, tenant: str, insert: Insert) -> Iterator[tuple[str, str, str]]:
    """Yield the address of a collector with two calls, a key that may ask and one that may not."""
    insert(priced, [call("openai", "gpt-5-mini", 1_000_000, 100)] * 2)
    collector = Reading(priced, tenant)
    keys = [new_key(PEPPER, tenant, (scope,)) for scope in (QUERY, VIEW)]
    collector.keyring = Keyring(PEPPER)
    collector.keyring.put({key.id: key for key, _ in keys})
    with serving(create_api(collector)) as address:
        yield address, keys[0][1], keys[1][1]


def client(address: str, key: str) -> Any:
    parts = urlsplit(address)
    return clickhouse_connect.get_client(
        host=parts.hostname, port=parts.port, username="anybody", password=key
    )


def test_the_driver_reads_ones_own_rows_and_nothing_else(door: tuple[str, str, str]) -> None:
    address, key, _ = door
    with client(address, key) as asking:
        result = asking.query(
            "SELECT model, count() AS n, sum(cost_usd) AS usd FROM calls GROUP BY 1"
        )
        frame = asking.query_df("SELECT model, input_tokens FROM calls")
        bound = asking.query("SELECT count() FROM calls WHERE model = %(m)s", {"m": "gpt-5-mini"})
        tables = asking.query("SHOW TABLES").result_rows
        columns = asking.query("DESCRIBE TABLE spend").named_results()

        # 1,000,000 input at 0.25 and 100 output at 2.00 for a million, twice.
        assert result.result_rows == [("gpt-5-mini", 2, 2 * (Decimal("0.25") + Decimal("0.0002")))]
        assert list(frame["input_tokens"]) == [1_000_000, 1_000_000]
        assert bound.result_rows == [(2,)]
        assert {row[0] for row in tables} == TABLES
        assert [row["name"] for row in columns][:2] == ["tenant", "hour"]
        for statement in ("SELECT * FROM keys", "SELECT file('/etc/passwd')", "DROP TABLE spans"):
            with pytest.raises(DatabaseError, match=r"allowed|no table"):
                asking.query(statement)


def test_sqlalchemy_reflects_and_reads(door: tuple[str, str, str], priced: ClickHouse) -> None:
    address, key, _ = door
    parts = urlsplit(address)
    ((database,),) = priced.rows("SELECT currentDatabase()")
    engine = create_engine(f"clickhousedb://anybody:{key}@{parts.hostname}:{parts.port}/{database}")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT model FROM calls WHERE cost_usd > 0")).fetchall()
        qualified = connection.execute(text(f"SELECT count() FROM {database}.calls")).scalar()
    seen = inspect(engine)

    assert [row[0] for row in rows] == ["gpt-5-mini", "gpt-5-mini"]
    assert qualified == 2
    assert "spend" in seen.get_table_names()
    assert seen.has_table("spend")
    assert not seen.has_table("keys")
    assert {column["name"] for column in seen.get_columns("spend")} > {"hour", "cost_usd"}
    engine.dispose()


def test_a_key_that_may_not_ask_in_sql_is_refused(door: tuple[str, str, str]) -> None:
    address, _, viewing = door
    for key in (viewing, "wrong"):
        with pytest.raises(DatabaseError, match=r"HTTP|scope|key"):
            client(address, key)


def test_what_a_tool_sets_is_not_set(api: TestClient) -> None:
    asked = {"query": "SELECT 1 AS one", "readonly": "0", "max_execution_time": "0"}

    answer = api.get("/", params=asked)

    assert (answer.status_code, answer.text) == (200, "1\n")
    assert api.get("/ping").text == "Ok.\n"


@pytest.mark.parametrize("query", ["SELECT * FROM system.processes", "SELECT 1 FORMAT Null", ""])
def test_a_refusal_has_clickhouses_form(api: TestClient, query: str) -> None:
    answer = api.post("/clickhouse", content=query, headers={"content-type": "text/plain"})

    assert answer.status_code == 400
    assert answer.text.startswith("Code: ")
    assert int(answer.headers["x-clickhouse-exception-code"]) > 0


def test_a_format_is_taken_off_the_end_alone() -> None:
    assert split_format("SELECT 1 FORMAT Native", "CSV") == ("SELECT 1", "Native")
    assert split_format("SELECT ' FORMAT CSV'", "CSV") == ("SELECT ' FORMAT CSV'", "CSV")
    with pytest.raises(WrongFormat):
        split_format("SELECT 1 FORMAT Template", "CSV")
    assert plain("SHOW TABLES; SELECT 1") == "SHOW TABLES; SELECT 1"


def test_a_statement_that_runs_can_be_cancelled_by_its_name(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("openai", "gpt-4o", 1, 1)] * 60)
    crossed = "SELECT count() FROM " + ", ".join(f"spans AS t{n}" for n in range(8))
    answers = []

    def ask() -> None:
        answers.append(
            api.post("/v1/sql?name=slow", content=crossed, headers={"content-type": "text/plain"})
        )

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive() and not api.delete("/v1/sql/slow").json()["cancelled"]:
        asking.join(0.05)
    asking.join()

    assert answers[0].status_code == 400, answers[0].text
    assert "QUERY_WAS_CANCELLED" in answers[0].text
