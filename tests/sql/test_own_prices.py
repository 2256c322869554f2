"""What users say about prices, in SQL and in Python: contracts, names, own machines, currencies."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span, cache_read, call

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.cost import Asked, cost
from tollbook_collector.money.own_book import UnreadablePrices, completed
from tollbook_collector.money.rate import Book
from tollbook_collector.store.client import ClickHouse

HEAD = 'source_url = "https://example.com/prices"\nverified_at = 2026-11-20\n'
HOUSE = """
[[model]]
provider = "house"
model = "m"
[[model.card]]
per_million = { input = "2", cache_read = "0.5", output = "10" }
"""
PER_MILLION = Decimal("0.000001")
NOVEMBER, DECEMBER = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 20, tzinfo=UTC)


def book_of(directory: Path, *texts: str) -> Book:
    files = []
    for number, text in enumerate(texts):
        files.append(directory / f"{number}.toml")
        files[-1].write_text(HEAD + text)
    return completed(Book("test", (), ()), files)


def usd(*parts: tuple[int, str]) -> Decimal:
    """Return tokens times USD per million tokens, summed."""
    return sum((tokens * Decimal(rate) * PER_MILLION for tokens, rate in parts), Decimal(0))


def stored(
    clickhouse: ClickHouse, insert: Any, tenant: str, spans: list[Span]
) -> list[tuple[Any, ...]]:
    """Insert spans and return cost, status, reason and card of each, in their order."""
    insert(clickhouse, [replace(span, name=f"{n:03d}") for n, span in enumerate(spans)])
    rows = clickhouse.rows(
        "SELECT cost_usd, price_status, unpriced_reason, price_id FROM spans"
        " WHERE tenant = {tenant:String} ORDER BY name",
        {"tenant": tenant},
    )
    return [tuple(row) for row in rows]


def asked(book: Book, model: str, at: datetime, duration_ms: int = 0) -> tuple[Any, ...]:
    """Return what the collector's own answer is for 1,000 tokens in, 400 of them read, 100 out."""
    usage = {"input": 1_000, "cache_read": 400, "output": 100}
    answer = cost(book, Asked("house", model, at, usage, duration_ms=duration_ms))
    return (answer.cost_usd, answer.status, answer.reason, answer.price_id)


def span(model: str, at: datetime, duration_ns: int = 10**9) -> Span:
    return replace(call("house", model, 1_000, 100, at, **cache_read(400)), duration_ns=duration_ns)


LIST = usd((600, "2"), (400, "0.5"), (100, "10"))


def test_a_contract_holds_from_its_day_and_the_list_price_stays_beside_it(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    contract = """
[[contract]]
providers = ["house"]
discount = "0.15"
valid_from = 2026-12-01
valid_to = 2027-01-01
"""
    book = book_of(tmp_path, contract, HOUSE)
    put_in_force(schema, book)
    times = [NOVEMBER, DECEMBER, datetime(2027, 1, 1, tzinfo=UTC)]

    answers = stored(schema, insert, tenant, [span("m", at) for at in times])

    assert answers == [
        (LIST, "priced", "", "house/m/standard/0/1970-01-01"),
        (LIST * Decimal("0.85"), "priced", "", "house/m/standard/0/2026-12-01/contract"),
        (LIST, "priced", "", "house/m/standard/0/2027-01-01"),
    ]
    assert answers == [asked(book, "m", at) for at in times]
    lists = schema.rows("SELECT meter, list_usd FROM rates WHERE endsWith(price_id, 'contract')")
    assert dict(map(tuple, lists)) == {
        "input": Decimal("0.000002"),
        "cache_read": Decimal("0.0000005"),
        "output": Decimal("0.00001"),
    }


def test_an_agreed_rate_takes_the_place_of_a_discount_and_leaves_other_meters_at_list(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    contracts = """
[[contract]]
providers = ["house"]
discount = "0.5"
[[contract]]
providers = ["house"]
models = ["m"]
per_million = { input = "1.5" }
"""
    put_in_force(schema, book_of(tmp_path, HOUSE, contracts))

    ((cost_usd, *_),) = stored(schema, insert, tenant, [span("m", NOVEMBER)])

    assert cost_usd == usd((600, "1.5"), (400, "0.5"), (100, "10"))


def test_an_alias_names_the_model_behind_a_deployment_a_profile_or_a_fine_tune(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    aliases = "".join(
        f'[[alias]]\nprovider = "house"\nmodel = "m"\nmatch = \'{match}\'\n'
        for match in (
            "Prod-Chat",
            r"arn:aws:bedrock:.*:application-inference-profile/ab\d+",
            "ft:m:.*",
        )
    )
    put_in_force(schema, book_of(tmp_path, HOUSE + aliases))
    names = [
        "prod-chat",
        "arn:aws:bedrock:eu-west-1:123:application-inference-profile/ab12",
        "ft:m:acme::7",
        "prod-chat-2",
    ]

    answers = stored(schema, insert, tenant, [span(name, NOVEMBER) for name in names])

    assert [(cost_usd, reason) for cost_usd, _, reason, _ in answers] == [
        (LIST, ""),
        (LIST, ""),
        (LIST, ""),
        (None, "unknown_model"),
    ]


def test_a_model_on_a_machine_of_ones_own_costs_its_time_and_no_tokens(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    hosted = """
[[hosted]]
provider = "house"
model = "llama"
per_hour = "3.60"
gpus = 4
calls_at_once = 8
"""
    book = book_of(tmp_path, hosted)
    put_in_force(schema, book)
    bare = call("house", "llama", at=NOVEMBER)

    answers = stored(
        schema,
        insert,
        tenant,
        [
            span("llama", NOVEMBER, duration_ns=2_500_999_999),
            replace(bare, duration_ns=1_000_000),
            replace(bare, duration_ns=999_999),
        ],
    )

    # 3.60 an hour is 0.000001 a millisecond; four cards for eight calls are half of one for each.
    per_ms = Decimal("0.000001") * 4 / 8
    name = "house/llama/standard/0/1970-01-01/hosted"
    assert answers == [
        (2_500 * per_ms, "priced", "", name),
        (per_ms, "priced", "", name),
        (Decimal(0), "priced", "", name),
    ]
    assert answers[0] == asked(book, "llama", NOVEMBER, duration_ms=2_500)


def test_a_price_in_another_currency_is_converted_at_the_day_of_the_call(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    euros = HOUSE.replace("[[model.card]]\n", '[[model.card]]\ncurrency = "EUR"\n')
    exchange = """
[[exchange]]
currency = "EUR"
usd = { "2026-11-15" = "1.10", "2026-12-15" = "1.25" }
"""
    book = book_of(tmp_path, euros, exchange)
    put_in_force(schema, book)
    times = [datetime(2026, 11, 14, 23, 59, 59, tzinfo=UTC), NOVEMBER, DECEMBER]
    # An exchange rate of more than 35 days ago is not today's.
    times.append(datetime(2027, 1, 19, tzinfo=UTC))

    answers = stored(schema, insert, tenant, [span("m", at) for at in times])

    assert [(cost_usd, reason) for cost_usd, _, reason, _ in answers] == [
        (None, "no_exchange_rate"),
        (LIST * Decimal("1.10"), ""),
        (LIST * Decimal("1.25"), ""),
        (None, "no_exchange_rate"),
    ]
    assert [answer[:3] for answer in answers] == [asked(book, "m", at)[:3] for at in times]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[contract]]\nproviders = ["nobody"]\ndiscount = "0.1"\n', "no rates of nobody"),
        ('[[contract]]\nproviders = ["house"]\ndiscount = "15"\n', "15 is not between 0 and 1"),
        ('[[contract]]\nproviders = ["house"]\n', "needs either a discount"),
        ('[[contract]]\nproviders = "house"\ndiscount = "0.1"\n', "providers is not a list"),
        ('[[contract]]\nproviders = ["house"]\ndisc = "0.1"\n', "disc is not a name here"),
        ('[[alias]]\nprovider = "house"\nmatch = "x"\nmodel = "n"\n', "no rates of house n"),
        ('[[alias]]\nprovider = "house"\nmatch = "(?!x)y"\nmodel = "m"\n', "RE2 does not know"),
        ('[[hosted]]\nprovider = "a"\nmodel = "b"\n', "needs either per_hour"),
        ('[[hosted]]\nprovider = "a"\nmodel = "b"\nper_hour = "1"\ngpus = 0\n', "gpus 0 is not"),
        ('[[exchange]]\ncurrency = "euro"\nusd = {}\n', "three capital letters"),
        ('[[exchange]]\ncurrency = "EUR"\nusd = { "1.11." = "1" }\n', "1.11. is not a date"),
        ('[[exchange]]\ncurrency = "EUR"\nusd = { "2026-11-01" = "0" }\n', "rate of 0"),
        ('[[modle]]\nprovider = "a"\n', "modle is not a name here"),
        ("[contract]\n", "contract is written [[contract]]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UnreadablePrices) as refusal:
        book_of(tmp_path, HOUSE, text)

    assert reason in str(refusal.value)
    assert str(refusal.value).startswith("1.toml: ")
