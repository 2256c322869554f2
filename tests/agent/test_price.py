"""The cost of a call at its time."""

import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import RATES_PATH, PriceBook, unix_time_ns
from tollbook.span import plain
from tollbook.tally import Losses


def card(price_id: str, rates: dict[str, str], **other: Any) -> dict[str, Any]:
    usual = {
        "service_tier": "standard",
        "context_over": 0,
        "valid_from": "1970-01-01T00:00:00Z",
        "valid_to": None,
    }
    return {"price_id": price_id, "rates": rates, **usual, **other}


BOOK: list[dict[str, Any]] = [
    {"source": "a test"},
    {
        "provider": "openai",
        "model": "one",
        "match": "^one($|-)",
        "cards": [
            card("old", {"input": "9"}, valid_to="2026-07-01T00:00:00Z"),
            card(
                "new",
                {"input": "0.000002", "output": "0.000008", "cache_read": "0.0000005"},
                valid_from="2026-07-01T00:00:00Z",
            ),
            card(
                "long",
                {"input": "0.000004", "output": "0.000012"},
                context_over=200000,
                valid_from="2026-07-01T00:00:00Z",
            ),
            card(
                "flex",
                {"input": "0.000001", "output": "0.000004"},
                service_tier="flex",
                valid_from="2026-07-01T00:00:00Z",
            ),
        ],
    },
    {
        "provider": "openai",
        "model": "any",
        "match": "on",
        "cards": [card("second", {"input": "1"})],
    },
    {
        "provider": "openai",
        "model": "audio",
        "match": "^audio$",
        "cards": [card("audio", {"input": "0.001", "output": "0.01", "input_audio": "0.1"})],
    },
    {
        "provider": "anthropic",
        "model": "cached",
        "match": "^cached$",
        "cards": [
            card(
                "cached",
                {
                    "input": "0.001",
                    "output": "0.01",
                    "cache_read": "0.0001",
                    "cache_write": "0.002",
                    "cache_write_1h": "0.003",
                },
            )
        ],
    },
]
USAGE = Usage(input_tokens=1000, output_tokens=100)


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    path = tmp_path / "rates.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in BOOK))
    return PriceBook(path, Losses())


def call(
    usage: Usage | None = USAGE,
    *,
    model: str | None = "one-2026",
    asked: str | None = None,
    provider: str = "openai",
    tier: str | None = None,
    at: str = "2026-11-20T12:00:00Z",
    complete: bool = True,
) -> Call:
    time_ns = unix_time_ns(at)
    return Call(
        operation="chat",
        api_type=None,
        provider=provider,
        server_address="",
        server_port=None,
        request=Request(model=asked),
        response=Response(model=model, service_tier=tier, usage=usage, usage_complete=complete),
        trace_id=bytes(16),
        span_id=bytes(8),
        parent_span_id=b"",
        start_time_ns=time_ns,
        end_time_ns=time_ns,
        first_chunk_ns=None,
        error_type=None,
        tags={},
    )


def cost(book: PriceBook, call: Call) -> tuple[Decimal, str] | None:
    found = book.cost(call)
    return None if found is None else (found.usd, found.price_id)


def test_a_call_costs_its_tokens_times_its_rates(book: PriceBook) -> None:
    # 1000 * 0.000002 + 100 * 0.000008
    assert cost(book, call()) == (Decimal("0.0028"), "new")


def test_cached_tokens_are_part_of_the_input_and_cost_their_own_rate(book: PriceBook) -> None:
    usage = Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=100)

    # 600 * 0.000002 + 400 * 0.0000005 + 100 * 0.000008
    assert cost(book, call(usage)) == (Decimal("0.0022"), "new")


def test_cache_writes_are_split_by_their_lifetime(book: PriceBook) -> None:
    usage = Usage(
        input_tokens=20,
        cache_read_tokens=10,
        cache_write_tokens=8,
        cache_write_1h_tokens=3,
        output_tokens=1,
    )

    # 2 * 0.001 + 10 * 0.0001 + 5 * 0.002 + 3 * 0.003 + 1 * 0.01
    assert cost(book, call(usage, model="cached", provider="anthropic")) == (
        Decimal("0.032"),
        "cached",
    )


def test_a_part_without_a_rate_costs_what_the_whole_costs(book: PriceBook) -> None:
    usage = Usage(
        input_tokens=10,
        input_audio_tokens=2,
        cache_read_tokens=3,
        cache_write_tokens=1,
        cache_write_1h_tokens=1,
        output_tokens=4,
        output_audio_tokens=4,
    )

    # (4 + 3 + 1) * 0.001 + 2 * 0.1 + 4 * 0.01
    assert cost(book, call(usage, model="audio")) == (Decimal("0.248"), "audio")


def test_a_change_of_price_is_seen_by_calls_of_both_sides_in_any_order(book: PriceBook) -> None:
    before, after = "2026-06-30T23:59:59Z", "2026-07-01T00:00:00Z"

    costs = [
        cost(book, call(at=at, tier=tier))
        for tier in (None, "flex", "mystery")
        for at in (after, before, after, before)
    ]

    # 1000 * 0.000002 + 100 * 0.000008, and 1000 * 0.000001 + 100 * 0.000004; the old card has no
    # rate for output
    new, flex = (Decimal("0.0028"), "new"), (Decimal("0.0014"), "flex")
    assert costs == [new, None, new, None, flex, None, flex, None, new, None, new, None]


@pytest.mark.parametrize(
    ("at", "price_id"),
    [
        ("2026-06-30T23:59:59Z", None),  # the old card has no rate for output
        ("2026-07-01T00:00:00Z", "new"),
    ],
)
def test_the_card_is_the_one_of_the_calls_time(
    at: str, price_id: str | None, book: PriceBook
) -> None:
    found = cost(book, call(at=at))

    assert (found and found[1]) == price_id


@pytest.mark.parametrize(
    ("tokens", "usd", "price_id"),
    [(200000, "0.4008", "new"), (200001, "0.801204", "long")],
)
def test_a_long_context_costs_the_higher_rate_for_all_tokens(
    tokens: int, usd: str, price_id: str, book: PriceBook
) -> None:
    # 200000 * 0.000002 + 100 * 0.000008, and 200001 * 0.000004 + 100 * 0.000012
    assert cost(book, call(USAGE._replace(input_tokens=tokens))) == (Decimal(usd), price_id)


@pytest.mark.parametrize(
    ("tier", "price_id"),
    [
        (None, "new"),
        ("default", "new"),
        ("auto", "new"),
        ("standard", "new"),
        ("flex", "flex"),
        ("FLEX", "flex"),
        ("a-tier-without-a-card", "new"),
    ],
)
def test_the_tier_that_served_the_call_chooses_the_card(
    tier: str | None, price_id: str, book: PriceBook
) -> None:
    found = cost(book, call(tier=tier))

    assert found is not None
    assert found[1] == price_id


def test_the_model_that_answered_wins_over_the_one_that_was_asked_for(book: PriceBook) -> None:
    assert cost(book, call(model="audio", asked="one")) == (Decimal("2"), "audio")
    assert cost(book, call(model="unknown", asked="ONE")) == (Decimal("0.0028"), "new")


@pytest.mark.parametrize(
    "unknown",
    [
        call(model="unknown"),
        call(provider="anthropic"),
        call(None),
        call(complete=False),
        call(Usage(input_tokens=10)),
        call(Usage(output_tokens=10)),
        call(Usage(input_tokens=10, cache_read_tokens=11, output_tokens=1)),
        call(model="only-input"),  # matches a model that has no rate for output
    ],
)
def test_what_is_unknown_has_no_cost(unknown: Call, book: PriceBook) -> None:
    assert cost(book, unknown) is None


def test_a_call_without_tokens_costs_nothing(book: PriceBook) -> None:
    found = book.cost(call(Usage(input_tokens=0, output_tokens=0)))

    assert found is not None
    assert plain(found) == "0"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        '{"provider": "openai", "model": "one", "cards": []}\n',
        '{"provider": "openai", "model": "one", "match": "on',
        '{"provider": "openai", "model": "one", "match": "on"}\n',
    ],
)
def test_a_broken_price_file_is_counted_and_costs_only_the_cost(
    content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "rates.jsonl"
    if content is not None:
        path.write_text(content)
    losses = Losses()

    assert PriceBook(path, losses).cost(call()) is None
    assert losses.values()["rates_unreadable"] == 1


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        # gpt-4o: 1000 * 0.0000025 + 100 * 0.00001
        (USAGE, "0.0035"),
        (Usage(input_tokens=1, output_tokens=0), "0.0000025"),
    ],
)
def test_the_price_file_of_the_package_prices_a_well_known_model(usage: Usage, usd: str) -> None:
    found = PriceBook(RATES_PATH, Losses()).cost(call(usage, model="gpt-4o-2024-08-06"))

    assert found is not None
    assert plain(found) == usd


def test_every_card_of_the_package_can_be_read() -> None:
    losses = Losses()
    book = PriceBook(RATES_PATH, losses)
    lines = [json.loads(line) for line in RATES_PATH.read_text().splitlines()[1:]]

    models = [model for name in {line["provider"] for line in lines} for model in book.models(name)]
    cards = [card for model in models for card in model.cards()]
    tried = [model.matches("x") for model in models]

    assert len(tried) == len(lines)
    assert len(cards) > 100
    assert losses.values()["rates_unreadable"] == 0


def test_a_provider_without_prices_is_looked_up_once_and_is_no_loss(tmp_path: Path) -> None:
    losses = Losses()
    path = tmp_path / "rates.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in BOOK))
    book = PriceBook(path, losses)

    first = book.cost(call(provider="api.example.com"))
    path.unlink()
    second = book.cost(call(provider="api.example.com", model="two"))

    assert (first, second) == (None, None)
    assert losses.values()["rates_unreadable"] == 0


def test_a_price_that_was_looked_up_keeps_less_than_half_a_megabyte() -> None:
    book = PriceBook(RATES_PATH, Losses())
    tracemalloc.start()

    found = book.cost(call(model="gpt-4o-2024-08-06"))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is not None
    assert kept < 2**19
