"""What HTTP must know of a statement and of an error, without an engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollbook_collector.store.embedded.failure import QueryFailed, from_engine
from tollbook_collector.store.embedded.sandbox import Sandbox
from tollbook_collector.store.embedded.statement import read_statement


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        (b"select 1", "SELECT"),
        (b"  (SELECT 1) UNION ALL (SELECT 2)", "SELECT"),
        (b"-- a\n/* b */ # c\nWITH 1 AS x SELECT x", "WITH"),
        (b"insert into t values (1)", "INSERT"),
        (b"", ""),
        (b"-- nothing", ""),
        (b"'a string'", ""),
    ],
)
def test_the_verb_is_the_first_word(text: bytes, verb: str) -> None:
    assert read_statement(text).verb == verb


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 format Null ;", "Null"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT 'FORMAT JSON'", None),
        (b"SELECT 1 -- FORMAT JSON", None),
        (b"SELECT format FROM t", None),
        (b"SELECT (SELECT 1 FORMAT JSON)", None),
        (b"SELECT `x FORMAT JSON`", None),
        (b"SELECT $$ FORMAT JSON$$", None),
    ],
)
def test_a_format_clause_stands_at_the_end_and_outside_of_text(
    text: bytes, name: str | None
) -> None:
    assert read_statement(text).format == name


@pytest.mark.parametrize(
    ("text", "sql", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t ", b"1,2"),
        (b"INSERT INTO t FORMAT CSV 1,2", b"INSERT INTO t ", b"1,2"),
        (b"INSERT INTO t FORMAT CSV\r\n\n1", b"INSERT INTO t ", b"\n1"),
        (b"INSERT INTO t FORMAT Native \t\n\x00('", b"INSERT INTO t ", b"\x00('"),
        (b"insert into format format TSV\n", b"insert into format ", b""),
        (b"INSERT INTO d.format (format) FORMAT TSV\n", b"INSERT INTO d.format (format) ", b""),
        (
            b"INSERT INTO t SETTINGS s = 'x FORMAT CSV\n' FORMAT Protobuf\n\xff",
            b"INSERT INTO t SETTINGS s = 'x FORMAT CSV\n' ",
            b"\xff",
        ),
    ],
)
def test_the_data_of_an_insert_begin_after_its_format(text: bytes, sql: bytes, data: bytes) -> None:
    statement = read_statement(text)

    assert statement.data_at is not None
    assert (statement.sql, text[statement.data_at :]) == (sql, data)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES (1, ' FORMAT CSV ')",
        b"INSERT INTO t SELECT format FROM x",
        b"INSERT INTO t WITH 1 AS a SELECT a",
        b"INSERT INTO t FORMAT",
        b"INSERT INTO t",
    ],
)
def test_an_insert_without_a_format_has_no_data_of_its_own(text: bytes) -> None:
    assert read_statement(text).data_at is None


@given(st.binary(max_size=400))
def test_no_bytes_make_reading_fail(data: bytes) -> None:
    read_statement(data)
    with_data = b"INSERT INTO t FORMAT RowBinary\n" + data
    statement = read_statement(with_data)

    assert statement.data_at is not None
    assert with_data[statement.data_at :] == data


@pytest.mark.parametrize(
    ("text", "code", "name", "sentence"),
    [
        (
            "Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE)",
            *(60, "UNKNOWN_TABLE", "No such table"),
        ),
        (
            "Streaming query failed: Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown "
            "format X. (UNKNOWN_FORMAT) (version 26.9.2.1). (UNKNOWN_FORMAT)",
            *(73, "UNKNOWN_FORMAT", "Unknown format X"),
        ),
        (
            "Code: 395. DB::Exception: said (A B) and (version 1) of it. (SOME_NAME) "
            "(version 26.9.2.1 (official build))",
            *(395, "SOME_NAME", "said (A B) and (version 1) of it"),
        ),
        ("something else", 1002, "UNKNOWN_EXCEPTION", "something else"),
    ],
)
def test_an_error_of_the_engine_is_unwrapped(
    text: str, code: int, name: str, sentence: str
) -> None:
    failure = from_engine(text)

    assert (failure.code, failure.name, failure.sentence.rstrip(".")) == (code, name, sentence)


def test_an_error_is_written_as_clickhouse_writes_it() -> None:
    failure = QueryFailed(62, "Empty query")

    assert failure.text("26.9.2.1") == (
        "Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR) (version 26.9.2.1 (chDB))"
    )


def test_a_sandbox_that_lacks_anything_lets_no_user_in() -> None:
    assert Sandbox(()).complete
    assert not Sandbox(("Landlock (Function not implemented)",)).complete
