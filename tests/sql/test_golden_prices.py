"""The twenty golden price vectors, in SQL, in the SDK and on the command line.

Each is tokens times USD per million tokens, written out.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import NOON, Span

from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import RATES_PATH, PriceBook
from tollbook.tally import Losses
from tollbook_collector.money.cost import Asked, cost
from tollbook_collector.money.seed import read_book
from tollbook_collector.store.client import ClickHouse

PER_MILLION = Decimal("0.000001")


def usd(*parts: tuple[int, str]) -> Decimal:
    """Return tokens times USD per million tokens, summed."""
    return sum((tokens * Decimal(rate) * PER_MILLION for tokens, rate in parts), Decimal(0))


@dataclass(frozen=True)
class Vector:
    """A call and what it costs."""

    number: int
    provider: str
    model: str
    usage: Usage
    cost_usd: Decimal | None
    at: datetime = NOON
    tier: str = "standard"
    region: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def tokens(input_tokens: int, output_tokens: int, **parts: int) -> Usage:
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        **{f"{name}_tokens": count for name, count in parts.items()},
    )


SOL, OPUS, PRO = "gpt-6.1-sol", "claude-opus-5-5", "deepseek-v4-pro"
READ = tokens(10_000, 2_000, cache_read=6_000)
WRITES = tokens(20_000, 1_000, cache_read=10_000, cache_write=8_000)
HOUR = tokens(20_000, 1_000, cache_read=10_000, cache_write=8_000, cache_write_1h=3_000)
SEEK = tokens(10_000, 1_000, cache_read=4_000)
OFF_PEAK = usd((6_000, "0.66"), (4_000, "0.022"), (1_000, "1.98"))
PEAK = usd((6_000, "1.32"), (4_000, "0.044"), (1_000, "3.96"))
NINE = usd((2_000, "4"), (10_000, "0.2"), (8_000, "5"), (1_000, "20"))
FRIDAY_NIGHT = datetime(2026, 11, 20, 2, tzinfo=UTC)
SATURDAY_NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 10, 12, tzinfo=UTC)

VECTORS = [
    Vector(1, "openai", SOL, tokens(10_000, 2_000), usd((10_000, "2"), (2_000, "10"))),
    Vector(
        2,
        "openai",
        SOL,
        tokens(10_000, 2_000, cache_read=6_000, cache_write=1_000),
        usd((3_000, "2"), (6_000, "0.1"), (1_000, "2.5"), (2_000, "10")),
    ),
    Vector(3, "openai", SOL, READ, usd((4_000, "1"), (6_000, "0.05"), (2_000, "5")), tier="flex"),
    Vector(
        4, "openai", SOL, READ, usd((4_000, "4"), (6_000, "0.2"), (2_000, "20")), tier="priority"
    ),
    Vector(5, "openai", SOL, tokens(10_000, 2_000), usd((10_000, "1"), (2_000, "5")), tier="batch"),
    Vector(6, "openai", SOL, tokens(300_000, 1_000), usd((300_000, "4"), (1_000, "15"))),
    # A million tokens of input is above the step of 272,000: twice the input, 1.5 times the output.
    Vector(
        7,
        "openai",
        "gpt-5.6-luna",
        tokens(10**6, 10**6),
        usd((10**6, "2"), (10**6, "9")),
        at=JULY,
    ),
    Vector(8, "openai", "gpt-5.6-luna", tokens(10**6, 10**6), usd((10**6, "0.4"), (10**6, "1.8"))),
    Vector(9, "anthropic", OPUS, WRITES, NINE),
    Vector(
        10,
        "anthropic",
        OPUS,
        HOUR,
        usd((2_000, "4"), (10_000, "0.2"), (5_000, "5"), (3_000, "8"), (1_000, "20")),
    ),
    Vector(
        11,
        "gcp.gemini",
        "gemini-4-argon",
        tokens(5_000, 900, cache_read=2_000),
        usd((3_000, "2"), (2_000, "0.1"), (900, "10")),
    ),
    Vector(
        12,
        "gcp.gemini",
        "gemini-4-argon",
        tokens(5_000, 900, cache_read=2_000),
        usd((3_000, "4"), (2_000, "0.2"), (900, "20")),
        at=DECEMBER,
    ),
    Vector(
        13,
        "gcp.gemini",
        "gemini-2.5-flash",
        tokens(5_000, 900, input_audio=3_000),
        usd((2_000, "0.3"), (3_000, "1"), (900, "2.5")),
    ),
    Vector(14, "deepseek", PRO, SEEK, OFF_PEAK),
    Vector(15, "deepseek", PRO, SEEK, PEAK, at=FRIDAY_NIGHT),
    Vector(16, "deepseek", PRO, SEEK, OFF_PEAK, at=SATURDAY_NIGHT),
    Vector(17, "x_ai", "grok-4.7", SEEK, usd((6_000, "2"), (4_000, "0.5"), (1_000, "6"))),
    Vector(18, "x_ai", "grok-4.7", tokens(210_000, 1_000), usd((210_000, "4"), (1_000, "12"))),
    Vector(19, "openai", "mystery-1", tokens(1_000, 100), None),
    Vector(20, "anthropic", OPUS, WRITES, NINE * Decimal("1.1"), region="us"),
]
# Beside the golden ones: the edges of a window, before it held, and Google's flex.
EDGES = [
    Vector(21, "deepseek", PRO, SEEK, PEAK, at=datetime(2026, 11, 20, 1, tzinfo=UTC)),
    Vector(22, "deepseek", PRO, SEEK, OFF_PEAK, at=datetime(2026, 11, 20, 4, tzinfo=UTC)),
    Vector(
        23,
        "deepseek",
        PRO,
        SEEK,
        usd((6_000, "0.435"), (4_000, "0.003625"), (1_000, "0.87")),
        at=datetime(2026, 6, 1, 2, tzinfo=UTC),
    ),
    Vector(
        24,
        "gcp.gemini",
        "gemini-4-argon",
        tokens(5_000, 900, cache_read=2_000),
        usd((3_000, "1"), (2_000, "0.05"), (900, "5")),
        tier="flex",
    ),
    Vector(
        25, "openai", SOL, READ, usd((4_000, "2.2"), (6_000, "0.11"), (2_000, "11")), region="eu"
    ),
    # A region without rates of its own has those for anywhere.
    Vector(26, "openai", "gpt-4o", tokens(10, 0), usd((10, "2.5")), region="eu"),
]
ALL = [*VECTORS, *EDGES]
NAMES = {
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "cache_write_1h_tokens": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}


def span(vector: Vector) -> Span:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": vector.provider,
        "gen_ai.request.model": vector.model,
        "openai.response.service_tier": vector.tier,
    }
    if vector.region:
        attributes["tollbook.region"] = vector.region
    for name, attribute in NAMES.items():
        if (count := getattr(vector.usage, name)) is not None:
            attributes[attribute] = count
    return Span(attributes, at=vector.at, name=f"{vector.number:02d}")


def test_the_golden_vectors_hold_in_sql(priced: ClickHouse, insert: Any, tenant: str) -> None:
    insert(priced, [span(vector) for vector in ALL])

    rows = priced.rows(
        "SELECT toUInt8(name), cost_usd, price_status FROM spans WHERE tenant = {tenant:String}"
        " ORDER BY name",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in rows] == [
        (v.number, v.cost_usd, "unpriced" if v.cost_usd is None else "priced") for v in ALL
    ]


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: str(vector.number))
def test_a_golden_vector_holds_in_the_sdk(vector: Vector) -> None:
    start_ns = int(vector.at.timestamp()) * 10**9
    call = Call(
        operation="chat",
        api_type=None,
        provider=vector.provider,
        server_address="",
        server_port=None,
        request=Request(model=vector.model),
        response=Response(
            service_tier=vector.tier, usage=vector.usage, region=vector.region or None
        ),
        trace_id=bytes(16),
        span_id=bytes(8),
        parent_span_id=b"",
        start_time_ns=start_ns,
        end_time_ns=start_ns,
        first_chunk_ns=None,
        error_type=None,
        tags={},
    )

    found = PriceBook(RATES_PATH, Losses()).cost(call)

    assert (found.usd if found else None) == vector.cost_usd


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: str(vector.number))
def test_a_golden_vector_holds_in_the_collectors_own_answer(vector: Vector) -> None:
    usage = {
        name.removesuffix("_tokens"): count
        for name in NAMES
        if (count := getattr(vector.usage, name)) is not None
    }

    answer = cost(
        read_book(),
        Asked(vector.provider, vector.model, vector.at, usage, vector.tier, vector.region),
    )

    assert answer.cost_usd == vector.cost_usd
    assert sum(answer.parts.values(), Decimal(0)) == (vector.cost_usd or 0)


def test_the_vectors_are_those_of_the_issue() -> None:
    totals = [vector.cost_usd for vector in VECTORS]

    assert len(totals) == 20
    assert replace(VECTORS[0], number=0).cost_usd == Decimal("0.04")
    assert totals[9] == Decimal("0.079")
    assert totals[15] == Decimal("0.006028")
    assert totals[19] == Decimal("0.077")
