"""Bills beside the meter: every form is read, and what was injected is ranked first."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import Span, cache_read, call

from tollbook_collector.money.bills.bill import BillLine, WrongBill
from tollbook_collector.money.bills.read import read_bill
from tollbook_collector.money.focus import ENGINE_SETTINGS, FORMATS, Export, Focus
from tollbook_collector.money.reconcile import Reconciliation, reconcile
from tollbook_collector.store.client import ClickHouse

DAYS = [datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17, 18, 19)]
FOURTH = date(2026, 11, 4)
UNIX_DAY = 1_793_750_400  # 4 November 2026
NOON_OF_FOURTH = datetime(2026, 11, 4, 12, tzinfo=UTC)


def page(**result: Any) -> bytes:
    bucket = {"object": "bucket", "start_time": UNIX_DAY, "results": [result]}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False}).encode()


def report(**result: Any) -> bytes:
    bucket = {"starting_at": "2026-11-04T00:00:00Z", "ending_at": "…", "results": [result]}
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None}).encode()


def csv_of(**record: str) -> bytes:
    return f"{','.join(record)}\n{','.join(record.values())}\n".encode()


OPENAI_USAGE = {
    "num_model_requests": 5,
    "input_tokens": 1_000,
    "input_cached_tokens": 400,
    "output_tokens": 50,
    "model": "gpt-5.5",
    "batch": True,
}


@pytest.mark.parametrize(
    ("content", "form", "lines"),
    [
        (
            page(**OPENAI_USAGE),
            "OpenAI usage",
            [
                ("openai", "gpt-5.5", "batch", "input", 600, None),
                ("openai", "gpt-5.5", "batch", "cache_read", 400, None),
                ("openai", "gpt-5.5", "batch", "output", 50, None),
            ],
        ),
        (
            csv_of(
                start_time=str(UNIX_DAY),
                num_model_requests="1",
                input_tokens="7",
                output_tokens="0",
                model="gpt-5.5",
                batch="false",
            ),
            "OpenAI usage",
            [("openai", "gpt-5.5", "standard", "input", 7, None)],
        ),
        (
            page(
                amount={"value": 0.06, "currency": "usd"},
                line_item="gpt-6-astra, input_tokens",
                quantity=6_000,
            ),
            "OpenAI costs",
            [("openai", "gpt-6-astra", "standard", "input", 6_000, "0.06")],
        ),
        (
            page(amount={"value": 1.5, "currency": "usd"}, line_item="web search tool calls"),
            "OpenAI costs",
            [("openai", "web search tool calls", "standard", "other", None, "1.5")],
        ),
        (
            report(
                uncached_input_tokens=100,
                cache_read_input_tokens=20,
                cache_creation={"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
                output_tokens=9,
                model="claude-opus-5-5",
                service_tier="standard",
            ),
            "Anthropic usage report",
            [
                ("anthropic", "claude-opus-5-5", "standard", "input", 100, None),
                ("anthropic", "claude-opus-5-5", "standard", "cache_read", 20, None),
                ("anthropic", "claude-opus-5-5", "standard", "cache_write", 3, None),
                ("anthropic", "claude-opus-5-5", "standard", "cache_write_1h", 4, None),
                ("anthropic", "claude-opus-5-5", "standard", "output", 9, None),
            ],
        ),
        (
            report(
                amount="123.45",
                currency="USD",
                cost_type="tokens",
                token_type="output_tokens",
                model="claude-opus-5-5",
                service_tier="batch",
            ),
            "Anthropic cost report",
            [("anthropic", "claude-opus-5-5", "batch", "output", None, "1.2345")],
        ),
        (
            csv_of(
                line_item_product_code="AmazonBedrock",
                line_item_usage_type="USE1-Claude4.5Sonnet-input-tokens-batch",
                line_item_usage_start_date="2026-11-04T05:00:00Z",
                line_item_usage_amount="2.5",
                line_item_unblended_cost="0.0075",
                line_item_currency_code="USD",
                pricing_unit="1K tokens",
            ),
            "AWS Cost and Usage Report",
            [("aws.bedrock", "claude4.5sonnet", "batch", "input", 2_500, "0.0075")],
        ),
        (
            csv_of(
                meterCategory="Foundry Models",
                meterSubCategory="Azure OpenAI",
                meterName="5.6 luna ShortCo Cd Inp Batch DZ 1M Tokens",
                unitOfMeasure="1M",
                quantity="0.002",
                costInUsd="0.1",
                date="11/04/2026",
            ),
            "Azure cost export",
            [("azure.ai.openai", "gpt-5.6-luna", "batch", "cache_read", 2_000, "0.1")],
        ),
        (
            json.dumps(
                {
                    "service": {"description": "Vertex AI"},
                    "sku": {"description": "Gemini 2.5 Flash Text Output - Predictions"},
                    "usage_start_time": "2026-11-04 03:00:00 UTC",
                    "usage": {"amount": 1000, "unit": "count"},
                    "cost": 4.6,
                    "currency": "EUR",
                    "currency_conversion_rate": 0.92,
                    "credits": [{"name": "free", "amount": -2.3}],
                }
            ).encode()
            + b"\n",
            "Google Cloud billing export",
            [("gcp.vertex_ai", "gemini-2.5-flash", "standard", "output", 1_000, "2.5")],
        ),
        (
            json.dumps(
                {
                    "data": [
                        {
                            "date": "2026-11-04",
                            "model": "openai/gpt-4o",
                            "usage": 0.25,
                            "requests": 3,
                            "prompt_tokens": 900,
                            "completion_tokens": 100,
                        }
                    ]
                }
            ).encode(),
            "OpenRouter activity",
            [("openrouter", "openai/gpt-4o", "standard", "total", 1_000, "0.25")],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_form_of_bill_becomes_the_same_lines(
    content: bytes, form: str, lines: Sequence[tuple[Any, ...]]
) -> None:
    expected = [
        BillLine(
            FOURTH,
            *line[:4],
            None if line[4] is None else Decimal(line[4]),
            None if line[5] is None else Decimal(line[5]),
        )
        for line in lines
    ]

    assert read_bill("bill", content) == (form, expected)
    assert read_bill("bill.gz", gzip.compress(content)) == (form, expected)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "there is no record in it"),
        (b"a,b\n1,2\n", "record 1 is of no bill that is known; known: OpenAI usage"),
        (b'{"data": [1]}', "there is no record in it"),
        (b"\x89PNG\xff", "neither JSON nor CSV"),
        (b"\x1f\x8bnonsense", "neither JSON nor CSV"),
        (b'{"data": [}', "line 1 is not JSON"),
        (page(**{**OPENAI_USAGE, "input_tokens": "many"}), "'many' is not a number"),
        (
            page(amount={"value": 1, "currency": "eur"}, line_item="gpt-5.5, input_tokens"),
            "an amount in eur: export the bill in USD",
        ),
    ],
)
def test_what_is_no_bill_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(WrongBill) as refusal:
        read_bill("bill", content)

    assert str(refusal.value).startswith("bill: ")
    assert reason in str(refusal.value)


MODEL = "gpt-6.1-sol"  # USD per million: 2 in, 10 out; batch half of it
INPUT, OUTPUT = 100_000, 10_000


def metered(tier: str = "standard") -> list[Span]:
    """Return ten calls a day."""
    return [
        call(
            "openai",
            MODEL,
            INPUT,
            OUTPUT,
            at=day + timedelta(hours=2 * number),
            openai__response__service_tier=tier,
        )
        for day in DAYS
        for number in range(10)
    ]


def billed(
    calls: Sequence[Decimal | int] = (10, 10, 10, 10),
    input_usd: str = "0.000002",
    tier: str = "",
) -> bytes:
    """Return pages of OpenAI's costs API for that many calls a day."""
    suffix = f", {tier}" if tier else ""
    data = [
        {
            "start_time": int(day.timestamp()),
            "results": [
                {
                    "amount": {"value": str(count * tokens * Decimal(usd)), "currency": "usd"},
                    "line_item": f"{MODEL}{suffix}, {meter}",
                    "quantity": str(count * tokens),
                }
                for meter, tokens, usd in (
                    ("input_tokens", INPUT, input_usd),
                    ("output_tokens", OUTPUT, "0.00001" if not tier else "0.000005"),
                )
            ],
        }
        for day, count in zip(DAYS, calls, strict=True)
    ]
    return json.dumps({"data": data}).encode()


def compared(clickhouse: ClickHouse, tenant: str, content: bytes) -> Reconciliation:
    return reconcile(clickhouse, tenant, [("costs.json", content)])


def test_a_bill_that_agrees_has_full_coverage_and_no_cause(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, metered())

    found = compared(priced, tenant, billed())

    assert [(day.coverage, day.variance_usd) for day in found.days] == [(1, 0)] * 4
    assert found.causes == ()


INJECTED = {
    # Half the calls of two days were never metered.
    "missing_spans": billed((20, 20, 10, 10)),
    # Half of what was metered was not billed.
    "dedup": billed((5, 5, 5, 5)),
    # A discount of a tenth on input that the price book does not know.
    "price": billed(input_usd="0.0000018"),
    # A batch that was metered as standard: the model's batch rates, under its name.
    "tier": billed(input_usd="0.000001", tier="batch"),
    # Each day has the last calls of the day before.
    "timezone": billed((8, 12, 8, 12)),
}


@pytest.mark.parametrize("cause", INJECTED)
def test_a_cause_that_was_injected_is_ranked_first(
    priced: ClickHouse, insert: Any, tenant: str, cause: str
) -> None:
    insert(priced, metered())

    found = compared(priced, tenant, INJECTED[cause])

    assert next(iter(found.ranked())) == cause, found.causes
    assert sum(1 for one in found.ranked().values() if one > 0.01) == 1


def test_the_batch_rate_under_the_standard_tiers_name_is_a_tier_and_no_price(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, metered())

    found = compared(priced, tenant, billed(input_usd="0.000001"))

    assert list(found.ranked()) == ["tier"]
    # 40 calls of 100,000 tokens, a dollar per million too much.
    assert found.ranked()["tier"] == pytest.approx(40 * 100_000 * 1e-6)


def test_the_same_files_are_one_bill_and_a_later_comparison_sees_later_spans(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    first = compared(priced, tenant, billed())
    insert(priced, metered())
    second = compared(priced, tenant, billed())

    assert (first.known, second.known) == (False, True)
    assert first.bill == second.bill
    assert list(first.ranked()) == ["missing_spans"]
    assert second.causes == ()
    ((lines,),) = priced.rows(
        "SELECT count() FROM bill_lines FINAL WHERE tenant = {tenant:String}", {"tenant": tenant}
    )
    assert lines == 8
    rows = priced.rows(
        "SELECT count(DISTINCT reconciled_at), count() FROM reconciliations"
        " WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert list(map(tuple, rows)) == [(2, 16)]


def test_costs_without_quantities_are_compared_by_our_unit_price(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("anthropic", "claude-opus-5-5", 3_000, 0, **cache_read(1_000))])
    # 2,000 tokens at 4 dollars a million, twice.
    content = report(
        amount=str(2 * 2_000 * Decimal("0.000004") * 100),
        cost_type="tokens",
        token_type="uncached_input_tokens",
        model="claude-opus-5-5",
    ).replace(b"2026-11-04", b"2026-11-20")

    found = compared(priced, tenant, content)

    (first, *_) = found.causes
    assert (first.cause, first.token_class) == ("missing_spans", "input")
    assert first.tokens == pytest.approx(2_000)


def test_what_was_metered_without_a_price_costs_an_unknown_amount_and_not_nothing(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [*metered(), call("openai", "house-model", 1_000, 10, at=DAYS[0])])

    found = compared(priced, tenant, billed())

    unknown = [day for day in found.days if day.model == "house-model"]
    assert [(day.our_tokens, day.our_usd, day.variance_usd) for day in unknown] == [
        (1_010, None, None)
    ]
    assert {day.variance_usd for day in found.days if day.model == MODEL} == {0}


def test_usage_and_costs_of_one_bill_are_not_added(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, metered())
    usage = json.dumps(
        [
            {
                "start_time": int(day.timestamp()),
                "num_model_requests": 10,
                "input_tokens": 10 * INPUT,
                "output_tokens": 10 * OUTPUT,
                "model": MODEL,
            }
            for day in DAYS
        ]
    ).encode()

    found = reconcile(priced, tenant, [("costs", billed()), ("usage", usage)])

    assert found.forms == ("OpenAI costs", "OpenAI usage")
    assert found.causes == ()


def test_our_own_focus_file_agrees_with_the_meter(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, metered("batch"))
    export = Export.of("1.4", "2026-11", "day", "csv")
    pieces = priced.streamed(
        export.statement, FORMATS["csv"], export.parameters(tenant, Focus()), ENGINE_SETTINGS
    )

    found = compared(priced, tenant, b"".join(pieces))

    assert [(day.coverage, day.variance_usd, day.service_tier) for day in found.days] == [
        (1, 0, "batch")
    ] * 4
    assert found.causes == ()


def test_our_own_focus_file_tells_the_lifetimes_of_cache_writes_apart(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    written = {
        "gen_ai__usage__cache_write__input_tokens": 8_000,
        "anthropic__usage__cache_creation__ephemeral_1h_input_tokens": 3_000,
    }
    insert(priced, [call("anthropic", "claude-opus-5-5", 20_000, 10, at=DAYS[0], **written)])
    export = Export.of("1.4", "2026-11", "day", "csv")
    pieces = priced.streamed(
        export.statement, FORMATS["csv"], export.parameters(tenant, Focus()), ENGINE_SETTINGS
    )

    found = compared(priced, tenant, b"".join(pieces))

    assert [(day.coverage, day.variance_usd) for day in found.days] == [(1, 0)]
    assert found.causes == ()


def test_searches_that_were_metered_are_taken_off_what_was_not(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    content = page(amount={"value": 1.5, "currency": "usd"}, line_item="web search tool calls")
    searched = {"tollbook.usage.web_search_requests": 100}

    insert(priced, [call("openai", "gpt-5.5", 0, 0, NOON_OF_FOURTH, **searched)])

    # A hundred searches at a cent are a dollar of it.
    found = compared(priced, tenant, content)

    assert found.ranked() == {"not_metered": 0.5}


def test_searches_on_the_bill_are_named_as_not_metered(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    content = page(amount={"value": 1.5, "currency": "usd"}, line_item="web search tool calls")

    found = compared(priced, tenant, content)

    assert found.ranked() == {"not_metered": 1.5}
