"""`tollbook mcp`, driven by the official client over standard input and output."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from conftest import Insert
from mcp import Client, StdioServerParameters
from otlp_requests import call
from serving import serving

from tollbook_collector.answer.api import create_api
from tollbook_collector.store.client import ClickHouse

from .conftest import Reading

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself


@pytest.fixture(name="address")
def _address(priced: ClickHouse, tenant: str, insert: Insert) -> Iterator[str]:
    tags = {"tollbook.tags.team": "search", "tollbook.run.id": "r1", "tollbook.run.name": "refund"}
    insert(priced, [call("openai", "gpt-5-mini", 1_000_000, 0, at=datetime.now(UTC), **tags)] * 2)
    with serving(create_api(Reading(priced, tenant))) as address:
        yield address


def content(result: Any) -> Any:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


async def test_an_assistant_asks_and_sees_the_sql_that_was_run(address: str) -> None:
    command = ["-m", "tollbook_collector", "mcp", "--api", address]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        tables = content(await client.call_tool("tables", {}))["tables"]
        spend = content(await client.call_tool("spend", {"by": "team,day", "days": 1}))
        runs = content(await client.call_tool("dear_runs", {"days": 1}))
        asked = {"statement": "SELECT count() AS n FROM calls"}
        counted = content(await client.call_tool("query", asked))
        price = content(
            await client.call_tool(
                "price_call",
                {
                    "provider": "openai",
                    "model": "gpt-5-mini",
                    "input_tokens": 1_000_000,
                    "output_tokens": 0,
                },
            )
        )
        incidents = content(await client.call_tool("incidents", {}))
        refused = await client.call_tool("query", {"statement": "SELECT file('/etc/passwd')"})
        wrong = await client.call_tool("spend", {"by": "1; DROP TABLE spans"})

    assert {tool.name for tool in tools} == {
        "tables",
        "query",
        "spend",
        "dear_runs",
        "incidents",
        "explain_incident",
        "price_call",
    }
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
    assert "cost_usd" in tables["spend"]
    assert [(row["team"], Decimal(row["cost_usd"])) for row in spend["rows"]] == [
        ("search", Decimal("0.25") * 2)
    ]
    assert spend["sql"].startswith("SELECT\n    team, toDate(hour) AS day,")
    assert [row["run"] for row in runs["rows"]] == ["refund"]
    assert counted == {"sql": asked["statement"], "rows": [{"n": 2}], "rows_left_out": 0}
    assert Decimal(price["cost_usd"]) == Decimal("0.25")
    assert incidents == {"incidents": []}
    assert refused.is_error
    assert "file is not allowed" in refused.content[0].text  # type: ignore[union-attr]
    assert wrong.is_error
