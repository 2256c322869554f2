"""The embedded store through the asynchronous client and through SQLAlchemy."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
import pytest_asyncio
import sqlalchemy
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tollbook_collector.store.embedded.process import EmbeddedStore

from .conftest import DATABASE


@pytest_asyncio.fixture
async def asynchronous(
    connected: Client, embedded_store: EmbeddedStore
) -> AsyncIterator[AsyncClient]:
    address = urlsplit(embedded_store.address.url)
    client = await clickhouse_connect.get_async_client(
        host=address.hostname,
        port=address.port,
        username=embedded_store.address.user,
        password=embedded_store.address.password,
        database=DATABASE,
    )
    yield client
    await client.close()


async def test_the_asynchronous_client_queries_and_inserts(
    asynchronous: AsyncClient, table: str
) -> None:
    await asynchronous.insert(table, [[1, "x"], [2, "ü"]], column_names=["a", "b"])
    await asynchronous.raw_insert(table, ["a", "b"], b"3\tz\n", fmt="TSV")

    answer = await asynchronous.query(
        f"SELECT * FROM {table} WHERE a < {{n:Int64}} ORDER BY a", parameters={"n": 10}
    )

    assert answer.result_rows == [(1, "x"), (2, "ü"), (3, "z")]


async def test_many_asynchronous_queries_run_at_once(asynchronous: AsyncClient) -> None:
    answers = await asyncio.gather(
        *(asynchronous.query(f"SELECT {number}, sleep(0.05)") for number in range(40))
    )

    assert [answer.result_rows[0][0] for answer in answers] == list(range(40))


async def test_an_asynchronous_stream_gives_every_row(asynchronous: AsyncClient) -> None:
    rows = 0

    async with await asynchronous.query_row_block_stream(
        "SELECT number FROM numbers(1000000)"
    ) as blocks:
        async for block in blocks:
            rows += len(block)

    assert rows == 1_000_000


async def test_an_asynchronous_stream_ends_with_the_engines_error(
    asynchronous: AsyncClient,
) -> None:
    async def read_all() -> None:
        async with await asynchronous.query_row_block_stream(
            "SELECT throwIf(number = 3000000) FROM numbers(4000000)"
        ) as blocks:
            async for _ in blocks:
                pass

    with pytest.raises(StreamFailureError) as caught:
        await read_all()

    assert caught.value.code == 395


async def test_an_asynchronous_error_has_the_engines_code_and_name(
    asynchronous: AsyncClient,
) -> None:
    with pytest.raises(DatabaseError) as caught:
        await asynchronous.query("SELECT * FROM nowhere")

    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")


def test_sqlalchemy_reflects_selects_and_inserts(embedded_store: EmbeddedStore, table: str) -> None:
    port = urlsplit(embedded_store.address.url).port
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create(
            "clickhousedb",
            username=embedded_store.address.user,
            password=embedded_store.address.password,
            host="127.0.0.1",
            port=port,
            database=DATABASE,
        )
    )
    reflected = sqlalchemy.Table(table, sqlalchemy.MetaData(), autoload_with=engine)

    with engine.begin() as connection:
        connection.execute(sqlalchemy.insert(reflected).values([{"a": 1, "b": "x'y"}]))
        rows = connection.execute(sqlalchemy.select(reflected).where(reflected.c.a == 1)).all()

    engine.dispose()
    assert [column.name for column in reflected.columns] == ["a", "b"]
    assert [tuple(row) for row in rows] == [(1, "x'y")]
