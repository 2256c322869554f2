"""The SDK and the collector price alike: two forms of one function, held equal."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from otlp_requests import Span

from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import RATES_PATH, PriceBook
from tollbook.tally import Losses
from tollbook_collector.money.agent_book import agent_book
from tollbook_collector.money.seed import read_book
from tollbook_collector.store.client import ClickHouse

SEED = 20261120
CALLS = 1_500
TIERS = ("default", "flex", "priority", "batch", "scale")


def test_the_sdk_carries_the_price_book_of_the_installed_library() -> None:
    carried = [json.loads(line) for line in RATES_PATH.read_text().splitlines()]

    assert carried == agent_book(read_book()), "run: make rates"


def drawn(draw: random.Random, provider: str, model: str) -> tuple[Call, Span]:
    """Return a call as the SDK sees it, and as its span says it."""
    read, written, audio = (draw.choice([0, 0, draw.randrange(200_000)]) for _ in range(3))
    hour = draw.choice([0, written, draw.randrange(written + 1)])
    uncached, text = draw.randrange(300_000), draw.randrange(100_000)
    image, reasoning, drawing = (draw.choice([0, 0, draw.randrange(90_000)]) for _ in range(3))
    output = text + reasoning + drawing
    at = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(50_000_000))
    tier = draw.choice(TIERS)
    usage = Usage(
        input_tokens=uncached + read + written + audio + image,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        input_audio_tokens=audio,
        input_image_tokens=image,
        output_tokens=output,
        reasoning_tokens=reasoning,
        output_image_tokens=drawing,
    )
    start_ns = int(at.timestamp()) * 10**9
    call = Call(
        operation="chat",
        api_type=None,
        provider=provider,
        server_address="",
        server_port=None,
        request=Request(model=model),
        response=Response(service_tier=tier, usage=usage),
        trace_id=bytes(16),
        span_id=bytes(8),
        parent_span_id=b"",
        start_time_ns=start_ns,
        end_time_ns=start_ns,
        first_chunk_ns=None,
        error_type=None,
        tags={},
    )
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "openai.response.service_tier": tier,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.cache_read.input_tokens": read,
        "gen_ai.usage.cache_write.input_tokens": written,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": hour,
        "gen_ai.usage.audio.input_tokens": audio,
        "gen_ai.usage.image.input_tokens": image,
        "gen_ai.usage.output_tokens": output,
        "gen_ai.usage.reasoning.output_tokens": reasoning,
        "gen_ai.usage.image.output_tokens": drawing,
    }
    return call, Span(attributes, at=at)


def test_sql_and_sdk_agree_on_random_calls_to_the_last_digit(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    draw = random.Random(SEED)
    models = [
        (entry["provider"], entry["model"])
        for entry in map(json.loads, RATES_PATH.read_text().splitlines()[1:])
    ]
    pairs = [drawn(draw, *draw.choice(models)) for _ in range(CALLS)]
    book = PriceBook(RATES_PATH, Losses())
    spans = [replace(span, name=f"{number:05d}") for number, (_, span) in enumerate(pairs)]

    insert(priced, spans)

    rows = priced.rows(
        "SELECT cost_usd, price_id FROM spans WHERE tenant = {tenant:String} ORDER BY name",
        {"tenant": tenant},
    )
    expected = [book.cost(call) for call, _ in pairs]
    assert sum(cost is not None for cost in expected) > CALLS // 2
    assert [(row[0], str(row[1])) for row in rows] == [
        (None, "") if cost is None else (Decimal(cost.usd), cost.price_id) for cost in expected
    ]
