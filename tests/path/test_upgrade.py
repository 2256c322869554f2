"""Databases that earlier versions made: a collector of today takes them over and no number changes.

Those in golden/ were made by collectors of earlier commits, named by the migrations these had. Each
got four spans an hour for ten hours of five days in October 2026, the n-th of these hours sending

- gpt-4o, 1000 + n tokens in, 500 of them cached, 100 + n out,
- claude-haiku-4-5, 2000 + n tokens in, 300 of them written to the cache, 50 + n out,
- a model that nobody prices, and a span that is no call.
"""

import tarfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import call, request
from waiting import wait_until

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.tar.xz"))
# Of the n from 1 to 50.
SUM_OF_N = 50 * 51 // 2
# USD for a million tokens: gpt-4o 2.50 in, 1.25 cached, 10 out; haiku 1 in, 1.25 written, 5 out.
GPT_USD = (
    (50 * 500 + SUM_OF_N) * Decimal("2.50")
    + 50 * 500 * Decimal("1.25")
    + (50 * 100 + SUM_OF_N) * 10
) / 1_000_000
HAIKU_USD = (
    (50 * 1700 + SUM_OF_N) * 1 + 50 * 300 * Decimal("1.25") + (50 * 50 + SUM_OF_N) * 5
) / 1_000_000
BY_MODEL = {
    "gpt-4o": (50, GPT_USD),
    "claude-haiku-4-5": (50, HAIKU_USD),
    "of-nobody": (50, None),
}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name.partition(".")[0])
def test_a_database_of_an_earlier_version_keeps_every_number(
    golden: Path, tmp_path: Path, start_collector: Callable[..., Any]
) -> None:
    with tarfile.open(golden) as packed:
        # Python 3.11.2, Debian's, has no filters yet; later ones warn of none.
        filtered = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        packed.extractall(tmp_path, **filtered)

    collector = start_collector(tmp_path / "data")

    def by_model(table: str, calls: str) -> dict[str, tuple[int, Decimal | None]]:
        asked = f"SELECT model, {calls} AS n, sum(cost_usd) AS usd FROM {table} GROUP BY model"
        return {
            row["model"]: (int(row["n"]), None if row["usd"] is None else Decimal(row["usd"]))
            for row in collector.sql(asked)
        }

    assert by_model("calls", "count()") == BY_MODEL
    assert by_model("models", "sum(calls)") == BY_MODEL
    assert collector.sql("SELECT count() AS n FROM spans") == [{"n": 200}]
    # No parts of traces were kept then: what a trace cost is asked of its spans.
    dearest = "SELECT trace_id, sum(cost_usd) AS usd FROM calls GROUP BY trace_id ORDER BY usd DESC"
    (trace,) = collector.sql(f"{dearest} LIMIT 1")
    cost = collector.get(f"/v1/traces/{trace['trace_id']}/cost")
    assert Decimal(cost["cost_usd"]) == Decimal(trace["usd"]) > 0
    # What comes now is priced, rolled up and told with what was there.
    assert collector.export(request([call("openai", "gpt-4o", 1_000_000, 0)])) == 200
    now = {**BY_MODEL, "gpt-4o": (51, GPT_USD + Decimal("2.50"))}
    wait_until(lambda: by_model("models", "sum(calls)") == now)
    assert by_model("calls", "count()") == now


def test_a_database_is_kept_of_each_older_schema_that_is_read() -> None:
    assert [path.name for path in GOLDEN] == ["migrations-21.tar.xz", "migrations-51.tar.xz"]
