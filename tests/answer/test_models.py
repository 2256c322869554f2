"""Models side by side, and the rates behind them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import Span, call

from tollbook_collector.answer import models
from tollbook_collector.store.client import ClickHouse

NOW = datetime.now(UTC) - timedelta(minutes=1)


def test_a_model_has_its_cost_latency_errors_and_cache_share(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    quick = replace(
        call("openai", "gpt-5-mini", 1000, 100, NOW, gen_ai__usage__cache_read__input_tokens=400),
        duration_ns=10**9,
    )
    failed = call("openai", "gpt-5-mini", None, None, NOW, status_code=2)
    insert(priced, [quick, failed, call("anthropic", "no-such-model", 5, 5, NOW)])

    rows = api.get("/v1/models").json()["rows"]

    known, unknown = rows
    # USD for a million tokens: 0.25 input, 0.025 read from the cache, 2 output.
    assert Decimal(known["cost_usd"]) == (
        600 * Decimal("0.00000025") + 400 * Decimal("0.000000025") + 100 * Decimal("0.000002")
    )
    assert (known["calls"], known["errors"], known["cache_read_tokens"]) == (2, 1, 400)
    assert known["p50_ms"] == 1000.0
    assert known["output_tokens_per_s"] == 100.0
    assert known["first_chunk_p50_ms"] is None
    assert (unknown["model"], unknown["unpriced_calls"]) == ("no-such-model", 1)


def test_of_very_many_calls_times_come_from_histograms_but_of_models_that_several_serve(
    api: TestClient, priced: ClickHouse, insert: Insert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(provider: str, model: str, ms: int) -> Span:
        return replace(call(provider, model, 10, 10, NOW), duration_ns=ms * 10**6)

    insert(priced, [of("openai", "gpt-5-mini", ms) for ms in range(1_000, 2_000, 10)])
    insert(priced, [of("openai", "gpt-4o", 300), of("azure", "gpt-4o", 700)])
    each = {row["model"]: row for row in api.get("/v1/models").json()["rows"]}

    monkeypatch.setattr(models, "EXACT_CALLS_MAX", 0)
    rows = api.get("/v1/models").json()["rows"]

    (mini,) = [row for row in rows if row["model"] == "gpt-5-mini"]
    exact = each["gpt-5-mini"]
    assert exact["p50_ms"] == pytest.approx(1_495, abs=5)
    # A bin is 15 % wide, and values are spread in it as they are here to a few percent.
    for name in ("p50_ms", "p95_ms", "output_tokens_per_s"):
        assert mini[name] == pytest.approx(exact[name], rel=0.03), name
    assert mini["first_chunk_p50_ms"] is None
    served = {row["provider"]: row["p50_ms"] for row in rows if row["model"] == "gpt-4o"}
    assert served == {"openai": 300.0, "azure.ai.openai": 700.0}
    assert (mini["calls"], mini["cost_usd"]) == (exact["calls"], exact["cost_usd"])


def test_the_rates_of_the_models_in_use_are_listed_by_the_million(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("openai", "gpt-5-mini", 1000, 100, NOW)])

    rows = api.get("/v1/prices/used").json()["rows"]

    assert {row["model"] for row in rows} == {"gpt-5-mini"}
    (standard,) = [row for row in rows if row["service_tier"] == "standard" and not row["variant"]]
    assert Decimal(standard["input_usd_per_million"]) == Decimal("0.25")
    assert Decimal(standard["output_usd_per_million"]) == 2


def test_what_is_billed_beside_tokens_is_listed_for_one_of_each(
    api: TestClient, priced: ClickHouse, insert: Insert
) -> None:
    insert(priced, [call("anthropic", "claude-opus-5-5", 1000, 100, NOW)])

    rows = api.get("/v1/prices/used").json()["rows"]
    page = api.get("/prices").text

    # Ten dollars for a thousand searches.
    assert {Decimal(row["unit_usd"]["web_search"]) for row in rows} == {Decimal("0.01")}
    assert "<td>web search</td>" in page
    assert 'title="0.01 USD"' in page
