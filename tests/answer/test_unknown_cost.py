"""What has no known price is told as unknown wherever a sum of costs is shown: never as 0."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.store.client import ClickHouse

# Of a million tokens of gpt-5-mini, 0.25 USD for each million.
PRICED_USD = "0.25"


@pytest.fixture(autouse=True)
def _sent(priced: ClickHouse, insert: Insert) -> None:
    now = datetime.now(UTC) - timedelta(seconds=30)

    def of(model: str, run: str, tokens: int = 1_000_000, **also: Any) -> Span:
        names = {"tollbook.run.id": run, "tollbook.run.name": run, "tollbook.tags.team": run}
        return call("openai", model, tokens, 0, at=now, **names, **also)

    insert(
        priced,
        [
            of("of-nobody", "unknown"),
            of("gpt-5-mini", "known"),
            of("gpt-5-mini", "mixed"),
            of("of-nobody", "mixed"),
            of("gpt-5-mini", "free", tokens=0),
            call("openai", "gpt-5-mini", at=now, status_code=2, **{"tollbook.tags.team": "failed"}),
        ],
    )


def plain(cost_usd: str | None) -> str | None:
    return None if cost_usd is None else cost_usd.rstrip("0").rstrip(".") or "0"


TEAMS = {"unknown": None, "known": PRICED_USD, "mixed": PRICED_USD, "free": "0", "failed": "0"}
RUNS = {name: cost for name, cost in TEAMS.items() if name != "failed"}


def test_rest_tells_no_cost_for_what_has_no_price(api: TestClient) -> None:
    spend = api.get("/v1/spend", params={"by": "team"}).json()["rows"]
    top = api.get("/v1/top", params={"by": "team"}).json()["rows"]
    points = api.get("/v1/spend/series", params={"by": "team"}).json()["points"]
    runs = api.get("/v1/runs").json()["rows"]
    agents = api.get("/v1/agents").json()["rows"]
    models = api.get("/v1/models").json()["rows"]

    assert {row["dimensions"]["team"]: plain(row["cost_usd"]) for row in spend} == TEAMS
    assert {row["value"]: plain(row["cost_usd"]) for row in top} == TEAMS
    assert {point["value"]: plain(point["cost_usd"]) for point in points} == TEAMS
    assert {row["run"]: plain(row["cost_usd"]) for row in runs} == RUNS
    assert {row["run"]: plain(row["cost_usd"]) for row in agents} == RUNS
    assert {row["run"]: plain(row["cost_p50_usd"]) for row in agents} == RUNS
    assert {row["model"]: plain(row["cost_usd"]) for row in models} == {
        "of-nobody": None,
        "gpt-5-mini": "0.5",
    }


@pytest.mark.parametrize(
    ("table", "name", "known"),
    [
        ("spend", "team", TEAMS),
        ("teams", "team", TEAMS),
        ("runs", "run", RUNS),
        ("models", "model", {"of-nobody": None, "gpt-5-mini": "0.5"}),
    ],
)
def test_sql_has_null_for_what_has_no_price(
    priced: ClickHouse, tenant: str, table: str, name: str, known: dict[str, str | None]
) -> None:
    asked = (
        f"SELECT {name}, toString(sum(cost_usd)) FROM {table} WHERE tenant = {{tenant:String}}"
        f" GROUP BY {name}"
    )

    assert dict(priced.rows(asked, {"tenant": tenant})) == known


def test_a_page_has_no_zero_for_what_has_no_price(api: TestClient) -> None:
    for path in ("/", "/explore?by=team", "/models", "/runs", "/agents", "/explore?by=model"):
        rows = re.findall(r"<tr[^>]*>.*?</tr>", api.get(path).text, re.DOTALL)
        unknown = [row for row in rows if re.search(r">(unknown|of-nobody)<", row)]
        assert unknown, path
        for row in unknown:
            assert re.search(r">\d unpriced<", row), path
            assert re.search(r'data-v="" [^>]*title="\N{EN DASH}"', row), path
            # Before there was nothing, which is 0.
            assert "$0" not in row.replace("$0</td>", ""), path


def test_a_run_whose_cost_is_unknown_says_so_on_its_page(api: TestClient) -> None:
    assert "an unknown amount" in api.get("/runs/unknown").text
    assert "and what has no price" in api.get("/runs/mixed").text
