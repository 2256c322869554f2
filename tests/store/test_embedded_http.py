"""ClickHouse's HTTP interface as curl sees it."""

import base64
import contextlib
import gzip
import http.client
import json
import socket
import threading
import zlib
from typing import Any
from urllib.parse import quote, urlsplit

import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tollbook_collector.store.embedded.process import EmbeddedStore

from .conftest import DATABASE, TIMEOUT_S, Ask, connect, exchange, until

# The store's own limits; its module is not imported, since it would load the engine.
PLACES, WAITING_MAX = 16, 64
LONG = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


def credentials(store: EmbeddedStore) -> dict[str, str]:
    return {"X-ClickHouse-User": "default", "X-ClickHouse-Key": store.address.password}


@pytest.mark.parametrize("path", ["/ping", "/replicas_status", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_answered_without_a_password(ask: Ask, method: str, path: str) -> None:
    reply = ask(method, path=path, headers={})

    assert (reply.status, reply.body) == (200, b"" if method == "HEAD" else b"Ok.\n")


def test_an_unknown_path_is_not_found(ask: Ask) -> None:
    assert ask("GET", path="/nothing").status == 404


def test_a_query_may_stand_in_the_address_the_body_or_both(ask: Ask) -> None:
    in_address = ask("GET", query="SELECT 1")
    in_body = ask("POST", b"SELECT 1")
    in_both = ask("POST", b"1", query="SELECT")

    assert in_address.body == in_body.body == in_both.body == b"1\n"


def test_a_format_is_taken_from_the_text_the_header_or_the_address(
    ask: Ask, embedded_store: EmbeddedStore
) -> None:
    wanted = {"default_format": "CSV"}
    header = {**credentials(embedded_store), "X-ClickHouse-Format": "TSKV"}

    assert ask("POST", b"SELECT 'a' AS x", **wanted).body == b'"a"\n'
    assert ask("POST", b"SELECT 'a' AS x FORMAT JSONEachRow", **wanted).body == b'{"x":"a"}\n'
    assert ask("POST", b"SELECT 1 AS x FORMAT Null", **wanted).body == b""
    assert ask("POST", b"SELECT 'a' AS x", headers=header, **wanted).body == b"x=a\n"


def test_the_answer_says_what_was_read_and_by_whom(ask: Ask) -> None:
    reply = ask("POST", b"SELECT number FROM numbers(10) FORMAT JSONEachRow", query_id="mine")

    assert reply.summary["read_rows"] == "10"
    assert reply.summary["result_rows"] == "10"
    assert int(reply.summary["elapsed_ns"]) > int(reply.summary["engine_ns"]) > 0
    assert reply.headers["x-clickhouse-query-id"] == "mine"
    assert reply.headers["x-clickhouse-format"] == "JSONEachRow"
    assert reply.headers["x-clickhouse-timezone"]
    assert reply.headers["x-clickhouse-server-display-name"]


@pytest.mark.parametrize(
    ("body", "parameters", "status", "code"),
    [
        (b"SELECT * FROM nowhere", {}, 404, "60"),
        (b"SELECT 1", {"database": "nowhere"}, 404, "81"),
        (b"SELECT 1", {"no_such_setting": "1"}, 404, "115"),
        (b"SELECT (", {}, 400, "62"),
        (b"", {}, 400, "62"),
        (b"SELECT 1; SELECT 2", {}, 400, "62"),
        (b"SELECT 1 INTO OUTFILE 'x'", {}, 500, "191"),
        (b"SELECT throwIf(1)", {}, 500, "395"),
        (b"SELECT sleep(3) SETTINGS max_execution_time = 0.1", {}, 408, "159"),
        (b"SELECT 1", {"session_id": "s", "session_check": "1"}, 500, "372"),
        (b"SELECT 1", {"compress": "1"}, 501, "48"),
        (b"SELECT 1", {"decompress": "1"}, 501, "48"),
        (b"SELECT 1", {"role": "boss"}, 404, "511"),
        (b"SELECT 1", {"param_a b": "1"}, 400, "36"),
        (b"SELECT {x:Int8}", {}, 500, "456"),
        (b"SELECT 1 SETTINGS max_block_size = 7", {"readonly": "1"}, 500, "164"),
        (b"CREATE TABLE x (a Int8) ENGINE = Memory", {"readonly": "1"}, 500, "164"),
        (b"CREATE TABLE x (a Int8) ENGINE = Memory", {"readonly": "2"}, 500, "164"),
        (b"SELECT * FROM file('x')", {"readonly": "1"}, 500, "164"),
    ],
)
def test_a_failure_has_clickhouses_status_code_and_body(
    ask: Ask, body: bytes, parameters: dict[str, str], status: int, code: str
) -> None:
    reply = ask("POST", body, **parameters)

    assert (reply.status, reply.code) == (status, code)
    assert reply.body.startswith(f"Code: {code}. DB::".encode())
    assert reply.body.count(b"Code: ") == 1
    assert reply.body.rstrip().endswith(b"(version 26.9.2.1 (chDB))")


def test_a_session_id_is_accepted_for_statements_that_need_no_session(ask: Ask) -> None:
    assert ask("POST", b"SELECT 1", session_id="s", session_timeout="60").body == b"1\n"


def test_get_implies_readonly_and_cannot_be_talked_out_of_it(
    ask: Ask, client: Client, table: str
) -> None:
    statement = f"INSERT INTO {DATABASE}.{table} VALUES (1, 'x')"

    refused = ask("GET", query=statement)
    argued = ask("GET", query=statement, readonly="0")

    assert refused.code == argued.code == "164"
    assert b"method GET implies readonly" in refused.body
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_the_database_may_be_named_for_any_statement(ask: Ask, table: str) -> None:
    ask("POST", f"INSERT INTO {table} VALUES (1, 'x')".encode(), database=DATABASE)
    ask("POST", f"INSERT INTO {table} FORMAT TSV\n2\ty\n".encode(), database=DATABASE)

    counted = ask("POST", f"SELECT count() FROM {table}".encode(), database=DATABASE)

    assert counted.body == b"2\n"


@pytest.mark.parametrize(
    "headers",
    [
        lambda secret: {
            "Authorization": "Basic " + base64.b64encode(f"default:{secret}".encode()).decode()
        },
        lambda secret: {"Authorization": f"Bearer {secret}"},
        lambda secret: {"X-ClickHouse-User": "default", "X-ClickHouse-Key": secret},
    ],
)
def test_every_way_to_say_the_password_works_and_is_checked(
    ask: Ask, embedded_store: EmbeddedStore, headers: Any
) -> None:
    secret = embedded_store.address.password

    right = ask("POST", b"SELECT 1", headers=headers(secret))
    wrong = ask("POST", b"SELECT 1", headers=headers(secret[:-1]))

    assert right.body == b"1\n"
    assert (wrong.status, wrong.code) == (403, "516")


def test_the_password_may_stand_in_the_address(ask: Ask, embedded_store: EmbeddedStore) -> None:
    secret = embedded_store.address.password

    assert ask("POST", b"SELECT 1", headers={}, user="default", password=secret).status == 200
    assert ask("POST", b"SELECT 1", headers={}, user="other", password=secret).status == 403
    assert ask("POST", b"SELECT 1", headers={}).status == 401


def test_one_wrong_credential_beside_a_right_one_is_refused(
    ask: Ask, embedded_store: EmbeddedStore
) -> None:
    both = {**credentials(embedded_store), "Authorization": "Bearer wrong"}

    assert ask("POST", b"SELECT 1", headers=both).status == 403


@pytest.mark.parametrize(
    ("encoding", "decompress"),
    [
        ("gzip", gzip.decompress),
        ("deflate", zlib.decompress),
        ("lz4", lz4.frame.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ],
)
@pytest.mark.parametrize("rows", [1, 1_000_000])
def test_a_body_is_compressed_as_the_client_asks(
    ask: Ask, embedded_store: EmbeddedStore, encoding: str, decompress: Any, rows: int
) -> None:
    headers = {**credentials(embedded_store), "Accept-Encoding": f"br;q=1, {encoding}"}
    statement = f"SELECT number FROM numbers({rows})".encode()

    reply = ask("POST", statement, headers=headers, enable_http_compression="1")
    plain = ask("POST", statement, headers=headers, enable_http_compression="0")

    assert reply.headers["content-encoding"] == encoding
    assert decompress(reply.body) == plain.body
    assert "content-encoding" not in plain.headers


def test_an_unknown_encoding_of_a_body_is_refused(ask: Ask, embedded_store: EmbeddedStore) -> None:
    headers = {**credentials(embedded_store), "Content-Encoding": "br"}

    assert ask("POST", b"SELECT 1", headers=headers).code == "89"


def test_a_form_carries_query_and_parameters_and_no_tables(
    ask: Ask, embedded_store: EmbeddedStore
) -> None:
    def part(name: str, value: str) -> str:
        return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'

    headers = {**credentials(embedded_store), "Content-Type": "multipart/form-data; boundary=b"}
    query = part("query", "SELECT {x:String}") + part("param_x", "a\\tb")

    plain = ask("POST", (query + "--b--\r\n").encode(), headers=headers)
    table = ask("POST", (query + part("t", "1") + "--b--\r\n").encode(), headers=headers)

    assert plain.body == b"a\\tb\n"
    assert table.code == "48"
    assert b"External table" in table.body


def test_a_connection_is_kept_for_the_next_request(embedded_store: EmbeddedStore) -> None:
    address = urlsplit(embedded_store.address.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=TIMEOUT_S)
    bodies = []

    for statement in [b"SELECT 1", b"SELECT nonsense", b"SELECT 2"]:
        connection.request("POST", "/", statement, credentials(embedded_store))
        sock = connection.sock
        answer = connection.getresponse()
        bodies.append((answer.status, answer.read()[:2], sock is connection.sock))

    connection.close()
    assert bodies == [(200, b"1\n", True), (404, b"Co", True), (200, b"2\n", True)]


def test_each_request_has_a_handle_that_none_had_before(ask: Ask) -> None:
    setting = b"SELECT getSetting('max_threads')"
    given = [ask("POST", setting, database="default", max_threads="3") for _ in range(6)]
    own = [ask("POST", setting, database="default") for _ in range(6)]
    ask("POST", b"CREATE DATABASE passing")
    inside = ask("POST", b"SELECT currentDatabase()", database="passing")
    ask("POST", b"DROP DATABASE passing", database="passing")
    after = ask("POST", b"SELECT 1", database="passing")

    assert {answer.body for answer in given} == {b"3\n"}
    assert b"3\n" not in {answer.body for answer in own}
    assert (inside.body, after.status, after.code) == (b"passing\n", 404, "81")


def test_what_stands_in_the_name_of_a_database_is_no_setting(ask: Ask) -> None:
    setting = b"SELECT currentDatabase(), getSetting('max_threads') = 3"
    ask("POST", b"CREATE DATABASE `odd&max_threads=3`")

    odd = ask("POST", setting, database="odd&max_threads=3")
    unknown = ask("POST", setting, database="default&max_threads=3")

    ask("POST", b"DROP DATABASE `odd&max_threads=3`")
    assert odd.body == b"odd&max_threads=3\t0\n"
    assert (unknown.status, unknown.code) == (404, "81")


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_error_in_the_middle_of_an_answer_ends_it_between_two_marks(
    ask: Ask, embedded_store: EmbeddedStore, encoding: str
) -> None:
    headers = {**credentials(embedded_store), "Accept-Encoding": encoding}

    reply = ask("POST", b"SELECT throwIf(number = 3000000) FROM numbers(4000000)", headers=headers)

    body = gzip.decompress(reply.body) if encoding else reply.body
    tag = reply.headers["x-clickhouse-exception-tag"].encode()
    rows, _, block = body.partition(b"\r\n__exception__\r\n" + tag + b"\r\n")
    sentence = block.partition(b"\n")[0] + b"\n"
    assert reply.status == 200
    assert set(rows) == set(b"0\n")
    assert sentence.startswith(b"Code: 395. DB::Exception: ")
    end = f"{len(sentence)} {tag.decode()}\r\n__exception__\r\n"
    assert block == sentence + end.encode()


def running(client: Client, comment: str) -> int:
    counted = client.command(
        "SELECT countIf(startsWith(Settings['log_comment'], {c:String})) FROM system.processes",
        parameters={"c": comment},
    )
    return int(str(counted))


@pytest.mark.parametrize("output_format", ["JSON", "TSV"])
def test_a_client_that_leaves_ends_its_query(
    client: Client, embedded_store: EmbeddedStore, output_format: str
) -> None:
    address = urlsplit(embedded_store.address.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=TIMEOUT_S)
    comment = f"left-alone-{output_format}"
    target = f"/?log_comment={comment}&default_format={output_format}"
    connection.request("POST", target, LONG.encode(), credentials(embedded_store))
    assert until(lambda: running(client, comment) == 1)

    connection.close()

    assert until(lambda: running(client, comment) == 0)


def test_a_client_that_leaves_inside_its_insert_leaves_nothing(
    client: Client, embedded_store: EmbeddedStore, table: str
) -> None:
    address = urlsplit(embedded_store.address.url)
    statement = quote(f"INSERT INTO {DATABASE}.{table} FORMAT CSV")
    head = f"POST /?log_comment=cut&query={statement} HTTP/1.1\r\nHost: x\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in credentials(embedded_store).items()
    )
    with socket.create_connection(("127.0.0.1", address.port or 0), TIMEOUT_S) as sock:
        sock.sendall(f"{head}Content-Length: 9000000\r\n\r\n".encode())
        sock.sendall(b"1,x\n" * 1_000_000)

    assert until(lambda: running(client, "cut") == 0)
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_more_requests_than_places_wait_and_all_are_served(
    embedded_store: EmbeddedStore, ask: Ask
) -> None:
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(ask("POST", b"SELECT sleep(0.1)")))
        for _ in range(48)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {reply.status for reply in replies} == {200}


def test_beyond_the_places_and_the_waiting_a_request_is_told_to_come_back(
    embedded_store: EmbeddedStore, ask: Ask
) -> None:
    address = ("127.0.0.1", urlsplit(embedded_store.address.url).port or 0)
    body = b"SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1, "
    body += b"function_sleep_max_microseconds_per_block = 0"
    fields = "".join(f"{key}: {value}\r\n" for key, value in credentials(embedded_store).items())
    head = f"POST / HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as crowd:
        for _ in range(PLACES + WAITING_MAX):
            sock = crowd.enter_context(socket.create_connection(address, TIMEOUT_S))
            sock.sendall(head.encode() + body)

        reply = ask("POST", b"SELECT 1")

    assert (reply.status, reply.code) == (503, "202")
    assert until(lambda: ask("POST", b"SELECT 1").status == 200)


@pytest.mark.parametrize(
    ("statement", "megabytes"),
    [("INSERT INTO t FORMAT Protobuf", 257), ("INSERT INTO t VALUES", 65)],
)
def test_a_body_that_must_be_held_whole_has_a_limit(
    ask: Ask, embedded_store: EmbeddedStore, statement: str, megabytes: int
) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    megabyte = b" " * 1024 * 1024
    body = b"".join(packer.compress(megabyte) for _ in range(megabytes)) + packer.flush()
    headers = {**credentials(embedded_store), "Content-Encoding": "gzip"}

    reply = ask("POST", body, headers=headers, query=statement)

    assert (reply.status, reply.code) == (413, "307")
    assert b"limited to" in reply.body or b"larger than" in reply.body


def test_one_client_with_a_default_session_works(embedded_store: EmbeddedStore) -> None:
    client = connect(embedded_store, session_id="named", settings={"session_timeout": 60})

    answer = client.query("SELECT 1").result_rows

    client.close()
    assert answer == [(1,)]


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_a_literal_and_a_parameter(embedded_store: EmbeddedStore, text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    escaped = escaped.replace("\r", "\\r").replace("'", "\\'")

    reply = exchange(embedded_store)(
        "POST", b"SELECT {x:String} AS x FORMAT JSONEachRow", param_x=escaped
    )

    assert json.loads(reply.body)["x"] == text
