"""FOCUS: the columns of the version, the sums of the spend, a check that finds what is broken."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from otlp_requests import NOON, Span, cache_read, cache_write, call

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.focus import ENGINE_SETTINGS, FORMATS, Export, Focus, WrongExport
from tollbook_collector.money.focus_lint import Row, columns, lint
from tollbook_collector.money.own_book import completed, own_files
from tollbook_collector.money.rerate import Rerating, rerate
from tollbook_collector.money.seed import BEGINNING, END, Book, ModelPattern, Rate, read_library
from tollbook_collector.store.client import ClickHouse

OWN = """
source_url = "https://example.com/contract"
verified_at = 2026-11-20
[[contract]]
providers = ["openai"]
models = ["gpt-6.1-sol"]
discount = "0.1"
[[hosted]]
provider = "vllm"
model = "llama"
per_hour = "3.60"
"""


def exported(
    clickhouse: ClickHouse, tenant: str, version: str, format_name: str = "csv", by: str = "hour"
) -> bytes:
    export = Export.of(version, "2026-11", by, format_name)
    accounts = Focus(billing_accounts={"openai": "org-1"})
    pieces: Iterator[bytes] = clickhouse.streamed(
        export.statement,
        FORMATS[format_name],
        export.parameters(tenant, accounts),
        ENGINE_SETTINGS,
    )
    return b"".join(pieces)


def read(content: bytes) -> tuple[list[str], list[Row]]:
    reader = csv.DictReader(io.StringIO(content.decode()))
    rows = [{name: value or None for name, value in row.items()} for row in reader]
    return list(reader.fieldnames or []), rows


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prices")


@pytest.fixture
def filled(schema: ClickHouse, insert: Any, directory: Path) -> ClickHouse:
    """A store with calls of every kind: under contract, hosted, cached, unpriced, long."""
    (directory / "own.toml").write_text(OWN)
    put_in_force(schema, completed(read_library(), own_files(directory)))
    one_hour = {"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 3_000}
    team = {"tollbook.tags.team": "search", "tollbook.tags.feature": 'a "quoted", one'}
    spans: list[Span] = [
        call("openai", "gpt-6.1-sol", 10_000, 2_000, **cache_read(6_000), **cache_write(1_000)),
        call("openai", "gpt-6.1-sol", 10_000, 2_000, **cache_read(6_000), **team),
        call("openai", "gpt-6.1-sol", 300_000, 7, at=datetime(2026, 11, 1, tzinfo=UTC)),
        call(
            "anthropic",
            "claude-opus-5-5",
            20_000,
            1_000,
            **cache_read(10_000),
            **cache_write(8_000),
            **one_hour,
        ),
        call("gcp.gemini", "gemini-2.5-flash", 5_000, 9, gen_ai__usage__audio__input_tokens=3_000),
        call("openai", "gpt-5.5", 101, 7, gen_ai__usage__reasoning__output_tokens=5),
        call("vllm", "llama", 500, 20),
        call("openai", "mystery", 500, 20),
        call("openai", "gpt-5.5", 99, 1, at=datetime(2026, 12, 1, tzinfo=UTC)),
    ]
    insert(schema, spans)
    return schema


def spend(clickhouse: ClickHouse, tenant: str) -> Decimal:
    ((total,),) = clickhouse.rows(
        "SELECT sum(cost_usd) FROM calls WHERE tenant = {tenant:String}"
        " AND started_at < '2026-12-01'",
        {"tenant": tenant},
    )
    return Decimal(total)


def test_an_export_has_all_columns_of_its_version_and_adds_up_to_the_spend(
    filled: ClickHouse, tenant: str
) -> None:
    for version in ("1.4", "1.2"):
        for by in ("hour", "day"):
            names, rows = read(exported(filled, tenant, version, by=by))

            assert sorted(names) == sorted([*columns(version), "x_RequestCount"])
            assert lint(names, rows, version).first == []
            assert sum(Decimal(str(row["EffectiveCost"])) for row in rows) == spend(filled, tenant)
    assert len(columns("1.4")) == 65
    assert len(columns("1.2")) == 57


def test_adjustments_are_corrections_and_the_export_is_what_the_month_is_charged(
    filled: ClickHouse, tenant: str
) -> None:
    november = datetime(2026, 11, 1, tzinfo=UTC)
    with_price = Book(
        "tests",
        (ModelPattern("openai", "^mystery$", "mystery"),),
        tuple(
            Rate(
                "openai/mystery/standard/0/1970-01-01",
                "openai",
                "mystery",
                "standard",
                0,
                meter,
                Decimal("0.000001"),
                BEGINNING,
                END,
                "tests",
            )
            for meter in ("input", "output")
        ),
    )
    put_in_force(filled, with_price)
    rerate(
        filled,
        Rerating(tenant, november, datetime(2026, 12, 1, tzinfo=UTC), ("mystery",)),
        "ana",
        "found",
    )

    for version in ("1.4", "1.2"):
        names, rows = read(exported(filled, tenant, version))

        corrections = [row for row in rows if row["ChargeClass"] == "Correction"]
        assert lint(names, rows, version).first == []
        # 520 tokens at a millionth of a dollar.
        assert [Decimal(str(row["BilledCost"])) for row in corrections] == [Decimal("0.00052")]
        assert corrections[0]["ChargePeriodStart"] == "2026-11-20T12:00:00Z"
        assert corrections[0]["SkuPriceId"] is None
        assert sum(Decimal(str(row["EffectiveCost"])) for row in rows) == charged(filled, tenant)


def charged(clickhouse: ClickHouse, tenant: str) -> Decimal:
    ((total,),) = clickhouse.rows(
        "SELECT sum(cost_usd) FROM charges"
        " WHERE tenant = {tenant:String} AND period = '2026-11-01'",
        {"tenant": tenant},
    )
    return Decimal(total)


def test_a_call_becomes_a_row_for_each_class_of_tokens_at_list_and_contracted_price(
    filled: ClickHouse, tenant: str
) -> None:
    _, rows = read(exported(filled, tenant, "1.4", by="day"))

    sol = [
        row
        for row in rows
        if row["SubAccountId"] is None
        and str(row["SkuPriceId"]).startswith("openai/gpt-6.1-sol")
        and row["ChargePeriodStart"] == "2026-11-20T00:00:00Z"
    ]
    figures = {
        row["SkuMeter"]: tuple(
            Decimal(str(row[name]))
            for name in ("ConsumedQuantity", "ListUnitPrice", "ListCost", "EffectiveCost")
        )
        for row in sol
    }
    ninety = Decimal("0.9")
    assert figures == {
        "Input Tokens": (3_000, 2, Decimal("0.006"), Decimal("0.006") * ninety),
        "Cache Read Input Tokens": (
            6_000,
            Decimal("0.1"),
            Decimal("0.0006"),
            Decimal("0.0006") * ninety,
        ),
        "Cache Write Input Tokens": (
            1_000,
            Decimal("2.5"),
            Decimal("0.0025"),
            Decimal("0.0025") * ninety,
        ),
        "Output Tokens": (2_000, 10, Decimal("0.02"), Decimal("0.02") * ninety),
    }
    assert {row["BillingAccountId"] for row in sol} == {"org-1"}
    assert {row["SkuPriceId"] for row in sol if row["SkuMeter"] == "Output Tokens"} == {
        "openai/gpt-6.1-sol/standard/0/contract/output"
    }


def test_time_of_a_machine_of_ones_own_is_effective_and_not_billed(
    filled: ClickHouse, tenant: str
) -> None:
    _, rows = read(exported(filled, tenant, "1.4"))

    (row,) = [row for row in rows if row["SkuMeter"] == "GPU Time"]

    # One second of a card at 3.60 an hour.
    assert Decimal(str(row["EffectiveCost"])) == Decimal("0.001")
    assert Decimal(str(row["BilledCost"])) == 0


def test_parquet_says_the_same_as_csv(filled: ClickHouse, tenant: str) -> None:
    content = exported(filled, tenant, "1.4", "parquet")

    table = parquet.read_table(io.BytesIO(content))

    names, rows = read(exported(filled, tenant, "1.4"))
    assert table.column_names == names
    assert table.num_rows == len(rows)
    assert sum(table.column("EffectiveCost").to_pylist()) == spend(filled, tenant)


def test_a_changed_price_leaves_the_rows_of_older_calls_as_they_are(
    filled: ClickHouse, insert: Any, tenant: str, directory: Path
) -> None:
    before = exported(filled, tenant, "1.4")
    (directory / "own.toml").write_text(OWN.replace('"0.1"', '"0.2"').replace("3.60", "7.20"))

    put_in_force(filled, completed(read_library(), own_files(directory)))

    assert exported(filled, tenant, "1.4") == before
    insert(filled, [call("openai", "gpt-6.1-sol", 1_000_000, 0, at=NOON)])
    _, rows = read(exported(filled, tenant, "1.4"))
    assert sum(Decimal(str(row["EffectiveCost"])) for row in rows) == spend(filled, tenant)


GOOD: dict[str, str | None] = {
    **dict.fromkeys(columns("1.4")),
    "BilledCost": "2.0",
    "EffectiveCost": "2.0",
    "ContractedCost": "2.0",
    "ListCost": "2.0",
    "BillingAccountId": "a",
    "BillingAccountType": "Organization",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-11-01T00:00:00Z",
    "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "ChargePeriodStart": "2026-11-20T12:00:00Z",
    "ChargePeriodEnd": "2026-11-20T13:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeFrequency": "Usage-Based",
    "ConsumedQuantity": "1000000.0",
    "ConsumedUnit": "Tokens",
    "ContractedUnitPrice": "2.0",
    "ListUnitPrice": "2.0",
    "InvoiceIssuerName": "OpenAI",
    "PricingCategory": "Standard",
    "PricingCurrency": "USD",
    "PricingCurrencyEffectiveCost": "2.0",
    "PricingQuantity": "1.0",
    "PricingUnit": "1000000 Tokens",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "OpenAI API",
    "ServiceProviderName": "OpenAI",
    "ServiceSubcategory": "Generative AI",
    "SkuId": "s",
    "SkuPriceId": "p",
    "SkuPriceDetails": "{}",
    "Tags": "{}",
}


def test_the_check_has_nothing_to_say_about_a_good_row() -> None:
    assert lint(GOOD, [GOOD], "1.4").first == []


@pytest.mark.parametrize(
    ("column", "value", "finding"),
    [
        ("BilledCost", "1,000.00", "type: row 1: BilledCost '1,000.00' is no Decimal"),
        ("BilledCost", None, "null: row 1: BilledCost may not be NULL"),
        ("EffectiveCost", "-1.0", "negative: row 1: EffectiveCost -1.0"),
        ("ListUnitPrice", "-2.0", "type: row 1: ListUnitPrice '-2.0'"),
        ("ListCost", "2.000000000001", "amount: row 1: ListCost 2.000000000001 is not"),
        ("ContractedUnitPrice", None, "null: row 1: ContractedUnitPrice may not be NULL"),
        ("ChargePeriodStart", "2026-11-20 12:00:00", "type: row 1: ChargePeriodStart"),
        ("ChargePeriodStart", "2026-11-20T13:00:00Z", "period: row 1"),
        ("ChargePeriodStart", "2026-10-20T13:00:00Z", "period: row 1"),
        ("ChargeCategory", "Use", "value: row 1: ChargeCategory 'Use' is not one of"),
        ("ChargeCategory", "Tax", "consumed: row 1: ConsumedQuantity is 1000000.0, but Tax"),
        ("ConsumedUnit", None, "consumed: row 1: ConsumedUnit may not be NULL for Usage"),
        ("PricingUnit", "1M tokens", "type: row 1: PricingUnit '1M tokens' is no Unit"),
        ("BillingCurrency", "dollars", "type: row 1: BillingCurrency"),
        ("SkuPriceDetails", '{"model": "x"}', "details: row 1: key model"),
        ("SkuPriceDetails", None, "details: row 1: SkuPriceDetails is NULL if"),
        ("Tags", "[1]", "type: row 1: Tags '[1]' is no JSON"),
        ("ServiceCategory", "AI", "value: row 1: ServiceCategory 'AI'"),
        ("SubAccountType", "Team", "account: row 1: SubAccountType without SubAccountId"),
    ],
)
def test_the_check_finds_what_is_broken(column: str, value: str | None, finding: str) -> None:
    found = lint(GOOD, [{**GOOD, column: value}], "1.4")

    assert any(text.startswith(finding) for text in found.first), found.first


def test_the_check_finds_columns_that_lack_and_that_nobody_knows() -> None:
    row = {name: value for name, value in GOOD.items() if name != "ListCost"}

    found = lint([*row, "Model"], [{**row, "Model": "m"}], "1.4")

    assert found.counts == {"missing column": 1, "unknown column": 1}
    assert lint(GOOD, [GOOD], "1.2").counts["missing column"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("1.3", "2026-11", "hour", "csv"),
        ("1.4", "2026-13", "hour", "csv"),
        ("1.4", "november", "hour", "csv"),
        ("1.4", "2026-11", "week", "csv"),
        ("1.4", "2026-11", "hour", "xlsx"),
    ],
)
def test_what_cannot_be_exported_is_named(words: tuple[str, str, str, str]) -> None:
    with pytest.raises(WrongExport, match="is not a"):
        Export.of(*words)
