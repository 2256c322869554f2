"""INSERT with data: every format, cut anywhere, and nothing of a bad one."""

import http.client
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tollbook_collector.store.embedded.process import EmbeddedStore

from .conftest import DATABASE, TIMEOUT_S, Ask

# Formats in which a body is streamed and may be cut at any byte.
STREAMED = [
    *("Native", "RowBinary", "RowBinaryWithNamesAndTypes", "JSONEachRow", "JSONCompactEachRow"),
    *("CSV", "CSVWithNames", "TabSeparated", "TabSeparatedWithNames", "Values", "MsgPack", "TSKV"),
    *("Parquet", "ArrowStream", "Arrow", "ORC", "Avro"),
]
SOURCE = (
    "SELECT toInt64(number) AS a, concat('x,\"y\"\\t\\n\\\\é', toString(number)) AS b "
    "FROM numbers(30)"
)
SCHEMA = """syntax = "proto3";
message Event { string name = 1; repeated string tags = 2; }
message Record { string tenant = 1; repeated Event events = 2; }
"""


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def post_chunked(store: EmbeddedStore, statement: str, body: bytes, size: int) -> int:
    address = urlsplit(store.address.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=TIMEOUT_S)
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": store.address.password}
    target = f"/?database={DATABASE}&query={quote(statement)}"
    try:
        connection.request("POST", target, in_pieces(body, size), headers, encode_chunked=True)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("name", STREAMED)
def test_a_body_may_be_cut_at_any_byte(
    client: Client, embedded_store: EmbeddedStore, table: str, name: str
) -> None:
    body = client.raw_query(SOURCE, fmt=name)

    status = post_chunked(embedded_store, f"INSERT INTO {table} FORMAT {name}", body, 3)

    wanted = client.query(f"SELECT a, b FROM ({SOURCE}) ORDER BY a").result_rows
    assert status == 200
    assert client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows == wanted


@pytest.mark.parametrize("name", ["CSV", "Native", "JSONEachRow"])
def test_a_large_body_is_streamed_whole(
    client: Client, embedded_store: EmbeddedStore, table: str, name: str
) -> None:
    source = "SELECT toInt64(number) AS a, repeat('x', 50) AS b FROM numbers(200000)"
    body = client.raw_query(source, fmt=name)

    status = post_chunked(embedded_store, f"INSERT INTO {table} FORMAT {name}", body, 100_003)

    assert status == 200
    assert client.query(f"SELECT count(), sum(a) FROM {table}").result_rows == [
        (200_000, 200_000 * 199_999 // 2)
    ]


@pytest.mark.parametrize(
    "body",
    [
        "INSERT INTO {t} FORMAT CSV\n1,x\n",
        "INSERT INTO {t} FORMAT CSV\r\n1,x\n",
        "INSERT INTO {t} (a, b) SETTINGS format_csv_delimiter = '|' FORMAT CSV\n1|x\n",
        "INSERT INTO {t} settings format_csv_delimiter = '|', max_threads = 1 FORMAT CSV\n1|x\n",
        "INSERT INTO {t} VALUES (1, 'x')",
        "INSERT INTO {t} FORMAT Values (1, 'x')",
        "INSERT INTO {t} SELECT 1, 'x'",
        "INSERT INTO {t} SELECT a, b FROM values('a Int64, b String', (1, 'x'))",
        "/* format x */ insert into {t} -- format\n(a, b) format TSV\n1\tx\n",
    ],
)
def test_an_insert_is_read_as_clickhouse_reads_it(
    ask: Ask, client: Client, table: str, body: str
) -> None:
    reply = ask("POST", body.format(t=table).encode(), database=DATABASE)

    assert (reply.status, reply.body) == (200, b"")
    assert reply.summary["written_rows"] == "1"
    assert client.query(f"SELECT a, b FROM {table}").result_rows == [(1, "x")]


@pytest.mark.parametrize("settings", ["", "SETTINGS async_insert = 0"])
def test_what_fails_in_a_view_behind_an_insert_fails_it(
    ask: Ask, client: Client, table: str, settings: str
) -> None:
    client.command(f"CREATE TABLE {table}_seen (a Int64) ENGINE = MergeTree ORDER BY a")
    select = f"SELECT throwIf(a = 2, 'two') + a AS a FROM {table}"
    client.command(f"CREATE MATERIALIZED VIEW {table}_see TO {table}_seen AS {select}")

    reply = ask(
        "POST", f"INSERT INTO {table} {settings} FORMAT CSV\n2,x\n".encode(), database=DATABASE
    )

    assert reply.status == 500
    assert b"two" in reply.body
    assert client.query(f"SELECT count() FROM {table}_seen").result_rows == [(0,)]


def test_parameters_name_the_table_and_the_values_of_an_insert(
    ask: Ask, client: Client, table: str
) -> None:
    ask("POST", b"INSERT INTO {t:Identifier} FORMAT TSV\n1\tx\n", database=DATABASE, param_t=table)
    ask(
        "POST",
        f"INSERT INTO {table} VALUES ({{a:Int64}}, {{b:String}})".encode(),
        database=DATABASE,
        param_a="2",
        param_b="y\\'z",
    )

    rows = client.query(f"SELECT a, b FROM {table} ORDER BY a").result_rows
    assert rows == [(1, "x"), (2, "y'z")]


def test_a_bad_row_at_the_end_leaves_nothing_of_a_large_body(
    client: Client, embedded_store: EmbeddedStore, table: str
) -> None:
    body = b"1,x\n" * 700_000 + b"one,x\n"

    status = post_chunked(embedded_store, f"INSERT INTO {table} FORMAT CSV", body, 1_000_000)

    assert status == 400
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_an_insert_into_no_table_fails_with_its_code(ask: Ask) -> None:
    reply = ask("POST", b"INSERT INTO nowhere FORMAT CSV\n1\n", database=DATABASE)

    assert (reply.status, reply.code) == (404, "60")


def test_a_repeated_token_inserts_once(client: Client) -> None:
    client.command(
        "CREATE OR REPLACE TABLE once (a Int64) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    token = {"insert_deduplication_token": "segment-1"}

    for _ in range(3):
        client.raw_insert("once", ["a"], b"1\n2\n", fmt="TSV", settings=token)

    assert client.command("SELECT count() FROM once") == 2


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def record(tenant: str, *events: tuple[str, list[str]]) -> bytes:
    body = field(1, tenant.encode())
    for name, tags in events:
        inner = field(1, name.encode()) + b"".join(field(2, tag.encode()) for tag in tags)
        body += field(2, inner)
    return varint(len(body)) + body


@pytest.fixture
def landing(client: Client) -> str:
    client.command(
        "CREATE OR REPLACE TABLE landing (tenant String, events Array(Tuple(name String, "
        "tags Array(String)))) ENGINE = Null"
    )
    client.command(
        "CREATE OR REPLACE TABLE stored (tenant String, name String, tags Array(String)) "
        "ENGINE = MergeTree ORDER BY tenant"
    )
    client.command("DROP VIEW IF EXISTS decode")
    client.command(
        "CREATE MATERIALIZED VIEW decode TO stored AS SELECT tenant, e.name AS name, "
        "e.tags AS tags FROM landing ARRAY JOIN events AS e"
    )
    return "landing"


def protobuf_settings() -> dict[str, str]:
    return {
        "format_schema_source": "string",
        "format_schema": SCHEMA,
        "format_schema_message_name": "Record",
    }


def test_delimited_records_arrive_whole_through_the_views(client: Client, landing: str) -> None:
    records = 20_000
    body = b"".join(
        record(f"t{number}", ("first", ["a", "b" * 40]), ("second", []))
        for number in range(records)
    )

    client.raw_insert(landing, None, body, fmt="Protobuf", settings=protobuf_settings())

    assert len(body) > 1024 * 1024  # more than one piece of the wire
    assert client.query(
        "SELECT count(), uniqExact(tenant), sum(length(tags)) FROM stored"
    ).result_rows == [(2 * records, records, 2 * records)]


def test_one_bad_record_fails_the_insert_and_stores_nothing(client: Client, landing: str) -> None:
    good = record("t", ("first", ["a"]))
    body = good * 1000 + b"\x05\xff\xff\xff\xff\xff" + good * 1000

    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(landing, None, body, fmt="Protobuf", settings=protobuf_settings())

    assert caught.value.code in {33, 444}
    assert client.command("SELECT count() FROM stored") == 0


def test_an_export_request_of_opentelemetry_is_decoded_by_the_engine(client: Client) -> None:
    client.command(
        "CREATE OR REPLACE TABLE spans (resource_spans Array(Tuple(scope_spans Array(Tuple("
        "spans Array(Tuple(trace_id String, name String))))))) ENGINE = Memory"
    )
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.name = bytes(range(16)), "chat"
    encoded = request.SerializeToString()
    schema = (
        'syntax = "proto3"; message Span { bytes trace_id = 1; string name = 5; } '
        "message ScopeSpans { repeated Span spans = 2; } "
        "message ResourceSpans { repeated ScopeSpans scope_spans = 2; } "
        "message Request { repeated ResourceSpans resource_spans = 1; }"
    )

    client.raw_insert(
        "spans",
        None,
        varint(len(encoded)) + encoded,
        fmt="Protobuf",
        settings={
            "format_schema_source": "string",
            "format_schema": schema,
            "format_schema_message_name": "Request",
        },
    )

    path = "resource_spans[1].scope_spans[1].spans[1]"
    assert client.query(f"SELECT hex({path}.trace_id), {path}.name FROM spans").result_rows == [
        (bytes(range(16)).hex().upper(), "chat")
    ]


def handed(store: EmbeddedStore, name: str) -> dict[str, str]:
    key = store.address.password
    return {"X-ClickHouse-User": "default", "X-ClickHouse-Key": key, "X-Tollbook-Handed": name}


@pytest.mark.parametrize("name", ["../secret", "handed-../../secret", "secret", "handed-1"])
def test_only_a_file_that_was_handed_over_is_read(
    ask: Ask, embedded_store: EmbeddedStore, table: str, name: str
) -> None:
    statement = f"INSERT INTO {DATABASE}.{table} FORMAT TabSeparated"

    reply = ask(query=statement, headers=handed(embedded_store, name))

    assert (reply.status, reply.code) == (400, "36")


def test_a_handed_file_that_is_gone_is_an_error(
    ask: Ask, embedded_store: EmbeddedStore, table: str
) -> None:
    statement = f"INSERT INTO {DATABASE}.{table} FORMAT TabSeparated"

    reply = ask(query=statement, headers=handed(embedded_store, f"handed-{'0' * 32}"))

    assert b"handed-000" in reply.body
    assert reply.code not in (None, "36")
