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

from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.answer.api import create_api
from tollbook_collector.store.client import ClickHouse

from .conftest import Reading
from .found import finding

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself


@pytest.fixture(name="address")
def _address(priced: ClickHouse, tenant: str, insert: Insert) -> Iterator[str]:
    tags = {"tollbook.tags.team": "search", "tollbook.run.id": "r1", "tollbook.run.name": "refund"}
    insert(priced, [call("openai", "gpt-5-mini", 1_000_000, 0, at=datetime.now(UTC), **tags)] * 2)
    with serving(create_api(Reading(priced, tenant))) as address:
        yield address


def server_of(address: str) -> StdioServerParameters:
    command = ["-m", "tollbook_collector", "mcp", "--api", address]
    return StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))


def content(result: Any) -> Any:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


async def test_an_assistant_asks_and_sees_the_sql_that_was_run(address: str) -> None:
    async with Client(server_of(address)) as client:
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


async def test_an_incident_is_explained_with_the_calls_of_its_time(
    address: str, priced: ClickHouse, tenant: str
) -> None:
    evidence = {"baseline_usd": "12.5"}
    found = finding(tenant, ["search"], evidence)
    (told,) = (one for one in Incidents(lambda: priced).tell([found]) if one.tenant == tenant)

    async with Client(server_of(address)) as client:
        listed = content(await client.call_tool("incidents", {}))["incidents"]
        asked = {"incident": listed[0]["incident"]}
        explained = content(await client.call_tool("explain_incident", asked))
        unknown = await client.call_tool("explain_incident", {"incident": "no-such-incident"})
        hostile = await client.call_tool("explain_incident", {"incident": "../keys"})

    assert [row["incident"] for row in listed] == [told.incident]
    assert explained["explanation"] == "team search: calls rose from 12 to 140"
    assert (explained["so_far_usd"], explained["evidence"]) == ("41", evidence)
    assert [event["event"] for event in explained["history"]] == ["opened"]
    calls = explained["calls_in_that_time"]
    assert calls["sql"].startswith("SELECT\n    model,")
    # Two calls of a million tokens at 0.25 USD a million.
    assert [(row["team"], row["calls"], Decimal(row["cost_usd"])) for row in calls["rows"]] == [
        ("search", 2, Decimal("0.25") * 2)
    ]
    assert unknown.is_error
    assert "no-such-incident" in unknown.content[0].text  # type: ignore[union-attr]
    assert hostile.is_error
    assert "is no id of an incident" in hostile.content[0].text  # type: ignore[union-attr]
