"""What is billed beside tokens: in SQL, in the SDK and on the command line, to the last digit.

Each amount is units times USD for one, and tokens times USD per million tokens, written out.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import NOON, Span

from tollbook import attributes as names
from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import RATES_PATH, PriceBook
from tollbook.span import usage_attributes
from tollbook.tally import Losses
from tollbook.units import units_of
from tollbook_collector.money.cost import Asked, cost
from tollbook_collector.money.seed import read_book
from tollbook_collector.store.client import ClickHouse

BOOK = read_book()
SDK_BOOK = PriceBook(RATES_PATH, Losses())


def usd(tokens: tuple[tuple[int, str], ...] = (), units: tuple[tuple[int, str], ...] = ()) -> Any:
    """Return tokens times USD per million of them, and units times USD for one, summed."""
    per_million = sum((count * Decimal(rate) for count, rate in tokens), Decimal(0))
    return per_million / 1_000_000 + sum((n * Decimal(rate) for n, rate in units), Decimal(0))


@dataclass(frozen=True)
class Vector:
    """A call and what it costs; None: nobody knows."""

    what: str
    provider: str
    model: str
    usage: Usage
    cost_usd: Decimal | None
    tier: str = "standard"
    operation: str = "chat"
    at: datetime = NOON
    extra: Mapping[str, Any] = field(default_factory=dict)


SOL = ((1_000, "2"), (100, "10"))
SONAR = ((1_000, "1"), (100, "1"))
TOKENS: dict[str, Any] = {"input_tokens": 1_000, "output_tokens": 100}
VECTORS = [
    Vector(
        "two searches of the web beside the tokens",
        "openai",
        "gpt-6.1-sol",
        Usage(**TOKENS, web_search_requests=2),
        usd(SOL, ((2, "0.01"),)),
    ),
    Vector(
        "a search costs the same in a batch",
        "openai",
        "gpt-6.1-sol",
        Usage(**TOKENS, web_search_requests=2),
        usd(((1_000, "1"), (100, "5")), ((2, "0.01"),)),
        tier="batch",
    ),
    Vector(
        "searches of files, and a container for code",
        "openai",
        "gpt-6.1-sol",
        Usage(**TOKENS, file_search_requests=3, code_sessions=1),
        usd(SOL, ((3, "0.0025"), (1, "0.03"))),
    ),
    Vector(
        "searches of Claude",
        "anthropic",
        "claude-opus-5-5",
        Usage(**TOKENS, web_search_requests=3),
        usd(((1_000, "4"), (100, "20")), ((3, "0.01"),)),
    ),
    Vector(
        "searches that ground an answer of Gemini",
        "gcp.gemini",
        "gemini-4-argon",
        Usage(**TOKENS, web_search_requests=2),
        usd(((1_000, "2"), (100, "10")), ((2, "0.014"),)),
    ),
    Vector(
        "the fee of a request to Sonar, with the context that it has by default",
        "perplexity",
        "sonar",
        Usage(**TOKENS),
        usd(SONAR, ((1, "0.005"),)),
    ),
    Vector(
        "the fee of a request with much context; its searches are in the fee",
        "perplexity",
        "sonar",
        Usage(**TOKENS, web_search_requests=4, search_context_size="high"),
        usd(SONAR, ((1, "0.012"),)),
    ),
    Vector(
        "a context that has no fee of its own",
        "perplexity",
        "sonar-pro",
        Usage(**TOKENS, search_context_size="low"),
        usd(((1_000, "3"), (100, "15")), ((1, "0.006"),)),
    ),
    Vector(
        "searches of Deep Research, which have no fee for the request",
        "perplexity",
        "sonar-deep-research",
        Usage(**TOKENS, reasoning_tokens=40, web_search_requests=10, search_context_size="low"),
        usd(((1_000, "2"), (60, "8"), (40, "3")), ((10, "0.005"),)),
    ),
    Vector(
        "a transcription by the second, rounded to a whole one",
        "openai",
        "whisper-1",
        Usage(input_audio_seconds=61.2),
        usd(units=((61, "0.0001"),)),
        operation="generate_content",
    ),
    Vector(
        "speech by the character",
        "openai",
        "tts-1-hd",
        Usage(input_characters=1_234),
        usd(units=((1_234, "0.00003"),)),
        operation="generate_content",
    ),
    Vector(
        "images of a quality and size, where no tokens are said",
        "openai",
        "gpt-image-1",
        Usage(images=2, image_quality="high", image_size="1024x1024"),
        usd(units=((2, "0.167"),)),
        operation="generate_content",
    ),
    Vector(
        "the same images where tokens are said",
        "openai",
        "gpt-image-1",
        Usage(
            **TOKENS,
            output_image_tokens=100,
            images=2,
            image_quality="high",
            image_size="1024x1024",
        ),
        usd(((1_000, "5"), (100, "40"))),
        operation="generate_content",
    ),
    Vector(
        "images of a size that nobody has a price of",
        "openai",
        "gpt-image-1",
        Usage(images=2, image_quality="high", image_size="8x8"),
        None,
        operation="generate_content",
    ),
    Vector(
        "images that cost the same in any size",
        "x_ai",
        "grok-imagine-image",
        Usage(images=3, image_size="1024x1024"),
        usd(units=((3, "0.02"),)),
        operation="generate_content",
    ),
    Vector(
        "a ranking by its searches, whatever tokens it says",
        "cohere",
        "rerank-v3.5",
        Usage(input_tokens=900, search_units=3),
        usd(units=((3, "0.002"),)),
        operation="rerank",
    ),
    Vector(
        "pages that were read",
        "mistral_ai",
        "mistral-ocr-4-1",
        Usage(pages=7),
        usd(units=((7, "0.004"),)),
        operation="generate_content",
    ),
    Vector(
        "pages that were read in a batch",
        "mistral_ai",
        "mistral-ocr-4-1",
        Usage(pages=7),
        usd(units=((7, "0.002"),)),
        tier="batch",
        operation="generate_content",
    ),
    Vector(
        "a cache write that is kept for twelve hours",
        "openai",
        "gpt-6-sol",
        Usage(**TOKENS, cache_write_tokens=600, cache_write_1h_tokens=500),
        usd(((400, "2"), (100, "2.5"), (500, "5"), (100, "10"))),
    ),
    Vector(
        "a search whose price is not known leaves the cost unknown",
        "deepseek",
        "deepseek-v4-pro",
        Usage(**TOKENS, web_search_requests=1),
        None,
    ),
    Vector(
        "no search is no unknown",
        "deepseek",
        "deepseek-v4-pro",
        Usage(**TOKENS, web_search_requests=0),
        usd(((1_000, "0.66"), (100, "1.98"))),
    ),
    Vector(
        "a length that is billed by tokens is only said",
        "openai",
        "gpt-4o-transcribe",
        Usage(**TOKENS, input_audio_seconds=60.0),
        usd(((1_000, "2.5"), (100, "10"))),
        operation="generate_content",
    ),
    Vector(
        "a transcription that says neither tokens nor seconds",
        "openai",
        "whisper-1",
        Usage(),
        None,
        operation="generate_content",
    ),
    Vector(
        "flex and priority of Bedrock",
        "aws.bedrock",
        "amazon.nova-pro-v1:0",
        Usage(**TOKENS),
        usd(((1_000, "1.4"), (100, "5.6"))),
        tier="priority",
    ),
    Vector(
        "a batch of xAI costs a fifth less",
        "x_ai",
        "grok-4.7",
        Usage(**TOKENS),
        usd(((1_000, "1.6"), (100, "4.8"))),
        tier="batch",
    ),
]


def call_of(vector: Vector) -> Call:
    start_ns = int(vector.at.timestamp()) * 10**9
    return Call(
        operation=vector.operation,
        api_type=None,
        provider=vector.provider,
        server_address="",
        server_port=None,
        request=Request(model=vector.model),
        response=Response(service_tier=vector.tier, usage=vector.usage),
        trace_id=bytes(16),
        span_id=bytes(8),
        parent_span_id=b"",
        start_time_ns=start_ns,
        end_time_ns=start_ns,
        first_chunk_ns=None,
        error_type=None,
        tags={},
    )


def span_of(vector: Vector, number: int) -> Span:
    """Return the span that the SDK makes of a call, without the cost that it puts there."""
    said = {name: value for name, value in usage_attributes(vector.usage) if value is not None}
    attributes = {
        names.OPERATION_NAME: vector.operation,
        names.PROVIDER_NAME: vector.provider,
        names.REQUEST_MODEL: vector.model,
        names.ANTHROPIC_RESPONSE_SERVICE_TIER: vector.tier,
        **said,
        **vector.extra,
    }
    return Span(attributes, at=vector.at, name=f"{number:05d}")


TOKEN_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "reasoning": "reasoning_tokens",
    "output_image": "output_image_tokens",
}


def asked_of(vector: Vector) -> Asked:
    usage = {
        meter: count
        for meter, name in TOKEN_FIELDS.items()
        if (count := getattr(vector.usage, name)) is not None
    }
    units = units_of(vector.usage)
    assert units is not None
    usage |= units
    return Asked(vector.provider, vector.model, vector.at, usage, vector.tier)


def costs(clickhouse: ClickHouse, tenant: str) -> list[Decimal | None]:
    statement = "SELECT cost_usd FROM spans WHERE tenant = {tenant:String} ORDER BY name"
    return [row[0] for row in clickhouse.rows(statement, {"tenant": tenant})]


def test_what_is_billed_beside_tokens_is_priced_in_sql(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [span_of(vector, number) for number, vector in enumerate(VECTORS)])

    found = costs(priced, tenant)
    assert dict(zip((v.what for v in VECTORS), found, strict=True)) == {
        v.what: v.cost_usd for v in VECTORS
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.what.replace(" ", "_"))
def test_what_is_billed_beside_tokens_is_priced_in_the_sdk(vector: Vector) -> None:
    found = SDK_BOOK.cost(call_of(vector))

    assert (found.usd if found else None) == vector.cost_usd


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.what.replace(" ", "_"))
def test_what_is_billed_beside_tokens_is_priced_on_the_command_line(vector: Vector) -> None:
    asked = asked_of(vector)

    # A question without any usage asks for the price of nothing, which is nothing.
    if asked.usage:
        assert cost(BOOK, asked).cost_usd == vector.cost_usd


def test_its_charges_add_up_and_have_units_of_their_own(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [span_of(vector, number) for number, vector in enumerate(VECTORS)] * 2)

    total = priced.rows(
        "SELECT sum(EffectiveCost), sum(ListCost), sum(ListCost - ListUnitPrice * PricingQuantity)"
        " FROM focus_charges WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    units = priced.rows(
        "SELECT DISTINCT SkuMeter, PricingUnit FROM focus_charges"
        " WHERE tenant = {tenant:String} AND ConsumedUnit != 'Tokens' ORDER BY SkuMeter",
        {"tenant": tenant},
    )
    expected = 2 * sum((vector.cost_usd or Decimal(0) for vector in VECTORS), Decimal(0))
    assert tuple(total[0]) == (expected, expected, 0)
    assert [tuple(row) for row in units] == [
        ("Audio Input Time", "Seconds"),
        ("Characters", "Characters"),
        ("Code Sessions", "Sessions"),
        ("File Searches", "Requests"),
        ("Images", "Images"),
        ("Images high/1024x1024", "Images"),
        ("Pages", "Pages"),
        ("Request Fees", "Requests"),
        ("Request Fees high", "Requests"),
        ("Search Units", "Units"),
        ("Web Searches", "Requests"),
    ]


SEED = 20261122
CALLS = 600
ODD: tuple[Any, ...] = (-1, 2**53, float("nan"), float("inf"), "1e30", -0.51)


def drawn(draw: random.Random) -> Vector:
    """Return a call of a random model with random units, some of which it has no rate for."""
    model = draw.choice(VECTORS)

    def maybe(largest: int) -> int | None:
        return draw.choice([None, None, 0, draw.randrange(largest)])

    seconds = maybe(10**6)
    usage = Usage(
        input_tokens=draw.choice([None, *4 * [draw.randrange(400_000)]]),
        output_tokens=draw.choice([None, *4 * [draw.randrange(100_000)]]),
        input_audio_seconds=None if seconds is None else seconds + draw.random(),
        web_search_requests=maybe(100),
        file_search_requests=maybe(50),
        code_sessions=maybe(3),
        search_units=maybe(2**39),
        input_characters=maybe(10**9),
        images=maybe(20),
        image_quality=draw.choice([None, "low", "HIGH", "no such thing"]),
        image_size=draw.choice([None, "1024x1024", "1536x1024", "9x9"]),
        pages=maybe(10**5),
        search_context_size=draw.choice([None, "low", "medium", "high", "Ünknown"]),
    )
    tier = draw.choice(["standard", "flex", "priority", "batch"])
    return replace(model, usage=usage, tier=tier)


def test_sql_sdk_and_command_line_agree_on_random_units_to_the_last_digit(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    draw = random.Random(SEED)
    vectors = [drawn(draw) for _ in range(CALLS)]

    insert(priced, [span_of(vector, number) for number, vector in enumerate(vectors)])

    found = costs(priced, tenant)
    in_sdk = [answer.usd if (answer := SDK_BOOK.cost(call_of(v))) else None for v in vectors]
    assert found == in_sdk
    whole = [
        (v, usd_found)
        for v, usd_found in zip(vectors, found, strict=True)
        if v.usage.input_tokens is not None and v.usage.output_tokens is not None
    ]
    assert [usd_found for _, usd_found in whole] == [
        cost(BOOK, asked_of(v)).cost_usd for v, _ in whole
    ]
    assert CALLS // 4 < sum(amount is not None for amount in found) < CALLS


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_number_of_units_that_cannot_be_is_in_no_sum(
    priced: ClickHouse, insert: Any, tenant: str, odd: Any
) -> None:
    vector = replace(VECTORS[0], extra={names.USAGE_WEB_SEARCH_REQUESTS: odd})

    insert(priced, [span_of(vector, 0)])

    statement = (
        "SELECT cost_usd, unpriced_reason, units, usage_fixups FROM calls"
        " WHERE tenant = {tenant:String}"
    )
    (row,) = priced.rows(statement, {"tenant": tenant})
    assert tuple(row) == (None, "usage_inconsistent", {}, ["count_out_of_range"])


def test_estimated_usage_says_so_in_the_basis_of_its_cost(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    vector = replace(VECTORS[0], extra={names.USAGE_ESTIMATED: True})

    insert(priced, [span_of(vector, 0)])

    statement = "SELECT cost_usd, cost_basis FROM calls WHERE tenant = {tenant:String}"
    (row,) = priced.rows(statement, {"tenant": tenant})
    assert tuple(row) == (VECTORS[0].cost_usd, "estimated")
