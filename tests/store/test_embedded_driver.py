"""The embedded store through clickhouse-connect, as the collector and its users reach it."""

import threading
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tollbook_collector.store.embedded.process import EmbeddedStore

from .conftest import DATABASE, connect

BIG_ROWS = 5_000_000
BIG = f"SELECT number, toString(number) AS text FROM numbers({BIG_ROWS})"
FAILS_LATE = "SELECT throwIf(number = 3000000) AS failed FROM numbers(4000000)"


def resident_bytes(store: EmbeddedStore) -> int:
    for line in Path(f"/proc/{store.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", 'it\'s a "quoted" \\ back\tslash\nnew line'),
        ("String", "Zürich 東京 🙂"),
        ("String", ""),
        ("Int64", -(2**63)),
        ("UInt64", 2**64 - 1),
        ("Float64", 0.1),
        ("Decimal(38, 12)", Decimal("12345.678901234567")),
        ("Bool", True),
        ("Nullable(String)", None),
        ("Date", date(2026, 11, 20)),
        ("UUID", uuid.UUID(int=7)),
        ("Array(String)", ["a'b", "c\td"]),
        ("Tuple(String, Int64)", ("x", 2)),
    ],
)
def test_a_parameter_arrives_as_it_was_sent(client: Client, kind: str, value: Any) -> None:
    answer = client.query(f"SELECT {{v:{kind}}}", parameters={"v": value})

    assert answer.result_rows == [(value,)]


def test_a_parameter_in_a_form_arrives_as_it_was_sent(embedded_store: EmbeddedStore) -> None:
    client = connect(embedded_store, form_encode_query_params=True)
    text = "a'b\\c\r\n--x\r\nd"

    answer = client.query("SELECT {v:String}, {n:Int8}", parameters={"v": text, "n": 5})

    client.close()
    assert answer.result_rows == [(text, 5)]


def test_rows_of_every_usual_type_come_back_equal(client: Client) -> None:
    client.command(
        "CREATE OR REPLACE TABLE kinds (i Int32, f Float64, s String, l LowCardinality(String), "
        "d Decimal(38, 12), t DateTime64(6, 'Europe/Zurich'), n Nullable(Int64), a Array(String), "
        "m Map(String, String)) ENGINE = MergeTree ORDER BY i"
    )
    moment = datetime(2026, 11, 20, 1, 2, 3, 456789, tzinfo=UTC)
    rows = [
        [1, 0.5, "x", "low", Decimal("0.000000000001"), moment, None, ["a"], {"k": "v"}],
        [2, -1.25, "ü\0", "", Decimal("-7.5"), moment, 9, [], {}],
    ]

    written = client.insert("kinds", rows)

    assert written.written_rows == 2
    assert [list(row) for row in client.query("SELECT * FROM kinds ORDER BY i").result_rows] == rows


def test_frames_and_arrow_tables_go_in_and_come_out(client: Client, table: str) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})

    client.insert_df(table, frame)
    client.insert_arrow(table, pa.table({"a": [3], "b": ["z"]}))

    ordered = f"SELECT * FROM {table} ORDER BY a"
    assert client.query_df(ordered)["a"].tolist() == [1, 2, 3]
    arrow = client.query_arrow(ordered, use_strings=True)
    assert arrow["b"].to_pylist() == ["x", "y", "z"]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", False])
def test_bodies_are_compressed_each_way(
    embedded_store: EmbeddedStore, table: str, compression: Any
) -> None:
    client = connect(embedded_store, database=DATABASE, compress=compression)
    rows = [[number, "text" * 10] for number in range(50_000)]

    client.insert(table, rows, column_names=["a", "b"])
    answer = client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows

    client.close()
    assert [list(row) for row in answer] == rows


@pytest.mark.parametrize(
    "block", ["1\tx\n2\ty\n", b"1\tx\n2\ty\n", (part for part in [b"1\tx\n2", b"\ty\n"])]
)
def test_a_raw_insert_takes_text_bytes_and_generators(
    client: Client, table: str, block: Any
) -> None:
    written = client.raw_insert(table, ["a", "b"], block, fmt="TabSeparated")

    assert written.written_rows == 2
    assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [(1, "x"), (2, "y")]


def test_a_command_answers_its_value_and_a_definition_nothing(client: Client) -> None:
    assert client.command("SELECT 40 + 2") == 42
    assert client.command("CREATE OR REPLACE TABLE c (a Int8) ENGINE = Memory") is not None
    assert client.command("EXISTS TABLE c") == 1


def test_settings_reach_the_engine_and_leave_no_trace(client: Client) -> None:
    asked = "SELECT getSetting('max_block_size')"

    inside = client.query(asked, settings={"max_block_size": 123}).result_rows

    assert inside == [(123,)]
    assert client.query(asked).result_rows == [(65409,)]


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT (1", 62, "SYNTAX_ERROR"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT toInt32('x')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT 1 FORMAT Nonsense", 62, "SYNTAX_ERROR"),
    ],
)
def test_an_error_has_the_engines_code_and_name(
    client: Client, statement: str, code: int, name: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(statement)

    assert (caught.value.code, caught.value.name) == (code, name)


def test_a_wrong_password_is_refused_with_516(embedded_store: EmbeddedStore) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect_with_password(embedded_store, "wrong")

    assert (caught.value.code, caught.value.name) == (516, "AUTHENTICATION_FAILED")


def connect_with_password(store: EmbeddedStore, password: str) -> Client:
    import clickhouse_connect

    port = int(store.address.url.rpartition(":")[2])
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="default", password=password
    )


@pytest.mark.parametrize("statement", ["SET max_threads = 1", "USE system"])
def test_a_statement_that_needs_a_session_is_refused_and_says_why(
    client: Client, statement: str
) -> None:
    with pytest.raises(DatabaseError, match="needs a session") as caught:
        client.command(statement)

    assert caught.value.code == 48


def test_a_temporary_table_is_refused_and_says_why(client: Client) -> None:
    with pytest.raises(DatabaseError, match="needs a session"):
        client.command("CREATE TEMPORARY TABLE x (a Int8)")


def test_a_big_result_streams_in_flat_memory(client: Client, embedded_store: EmbeddedStore) -> None:
    client.query("SELECT count() FROM (" + BIG + ")")
    before, most, rows = resident_bytes(embedded_store), 0, 0

    with client.query_row_block_stream(BIG) as blocks:
        for position, block in enumerate(blocks):
            rows += len(block)
            if position % 10 == 0:
                most = max(most, resident_bytes(embedded_store))

    # The result is 84 MB in the Native format; what may stay is a few blocks of it.
    assert rows == BIG_ROWS
    assert most - before < 64 * 1024 * 1024


def test_frames_and_arrow_batches_stream_whole(client: Client) -> None:
    statement = "SELECT number FROM numbers(1000000)"

    with client.query_df_stream(statement) as frames:
        in_frames = sum(int(frame["number"].sum()) for frame in frames)
    with client.query_arrow_stream(statement) as batches:
        in_arrow = sum(sum(batch["number"].to_pylist()) for batch in batches)

    assert in_frames == 1_000_000 * 999_999 // 2
    assert in_arrow == 1_000_000 * 999_999 // 2


def test_a_raw_stream_gives_the_bytes_of_the_format(client: Client) -> None:
    with client.raw_stream("SELECT number FROM numbers(200000)", fmt="CSV") as stream:
        lines = stream.read().splitlines()

    assert lines == [str(number).encode() for number in range(200_000)]


def test_an_empty_arrow_stream_still_has_its_schema(client: Client) -> None:
    table = client.query_arrow("SELECT number AS n FROM numbers(10) WHERE n > 100")

    assert table.num_rows == 0


def test_an_error_in_the_middle_of_a_stream_is_an_error_of_the_stream(client: Client) -> None:
    with (
        pytest.raises(StreamFailureError) as caught,
        client.query_row_block_stream(FAILS_LATE) as blocks,
    ):
        list(blocks)

    assert caught.value.code == 395
    assert caught.value.name == "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"


def test_a_query_that_is_waited_for_fails_with_a_status_however_late(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(FAILS_LATE)

    assert not isinstance(caught.value, StreamFailureError)
    assert caught.value.code == 395


def test_reads_run_beside_inserts_and_see_whole_blocks(
    client: Client, table: str, embedded_store: EmbeddedStore
) -> None:
    batch, batches = 1_000, 40
    done = threading.Event()

    def write() -> None:
        writer = connect(embedded_store, database=DATABASE)
        try:
            for _ in range(batches):
                writer.insert(table, [[1, "x"]] * batch, column_names=["a", "b"])
        finally:
            writer.close()
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = []
    while not done.is_set():
        seen.append(client.command(f"SELECT count() FROM {table}"))
    thread.join()

    assert seen == sorted(seen)
    assert all(int(count) % batch == 0 for count in seen)
    assert client.command(f"SELECT count() FROM {table}") == batch * batches
