"""The ledger: prices that change add adjustments, closed months stay as they were printed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import Span, call

from tollbook_collector.money.allocation import Allocation
from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.close import Month, WrongMonth, close, report
from tollbook_collector.money.copies import search
from tollbook_collector.money.late import book_late_charges
from tollbook_collector.money.rate import BEGINNING, END, Book, ModelPattern, Rate
from tollbook_collector.money.rerate import Rerating, preview, rerate
from tollbook_collector.store.client import ClickHouse

OCTOBER = datetime(2026, 10, 20, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def book(**usd_per_token: str) -> Book:
    """Return a book of models of the house, each with one rate for input."""
    return Book(
        "test",
        tuple(ModelPattern("house", f"^{model}$", model) for model in usd_per_token),
        tuple(
            Rate(
                f"house/{model}/standard/0/1970-01-01",
                "house",
                model,
                "standard",
                0,
                meter,
                Decimal(amount if meter == "input" else 0),
                BEGINNING,
                END,
                "test",
            )
            for model, amount in usd_per_token.items()
            for meter in ("input", "output")
        ),
    )


def used(model: str, tokens: int, at: datetime = OCTOBER, **tags: str) -> Span:
    named = {f"tollbook.tags.{name}": value for name, value in tags.items()}
    return call("house", model, tokens, 0, at=at, **named)


def october(tenant: str, models: Sequence[str] = ()) -> Rerating:
    first = datetime(2026, 10, 1, tzinfo=UTC)
    return Rerating(tenant, first, datetime(2026, 11, 1, tzinfo=UTC), tuple(models))


def charges(clickhouse: ClickHouse, tenant: str, by: str) -> dict[str, Decimal]:
    """Return the charges of record by a column."""
    rows = clickhouse.rows(
        f"SELECT toString({by}) AS value, sum(cost_usd) FROM charges"
        " WHERE tenant = {tenant:String} GROUP BY value",
        {"tenant": tenant},
    )
    return {str(value): cost for value, cost in rows}


def count(clickhouse: ClickHouse, tenant: str) -> int:
    """Return how many adjustments there are."""
    statement = "SELECT count() FROM adjustments WHERE tenant = {tenant:String}"
    ((number,),) = clickhouse.rows(statement, {"tenant": tenant})
    return int(number)


@pytest.fixture
def ledger(schema: ClickHouse, insert: Any) -> ClickHouse:
    """Calls at 2 micro-dollars a token, one without a price; then the model m costs 3."""
    put_in_force(schema, book(m="0.000002"))
    insert(
        schema,
        [
            used("m", 1_000, team="search"),
            used("m", 500, team="support"),
            used("new", 100, team="support"),
        ],
    )
    put_in_force(schema, book(m="0.000003", new="0.000001"))
    return schema


def test_a_dry_run_says_what_would_change_and_why_and_changes_nothing(
    ledger: ClickHouse, tenant: str
) -> None:
    found = [
        (c.model, c.why, c.calls, c.old_usd, c.new_usd, c.delta_usd)
        for c in preview(ledger, october(tenant))
    ]

    assert found == [
        ("m", "other rates of its card", 2, Decimal("0.003"), Decimal("0.0045"), Decimal("0.0015")),
        ("new", "has a price now", 1, Decimal(0), Decimal("0.0001"), Decimal("0.0001")),
    ]
    assert count(ledger, tenant) == 0


def test_rerating_adds_the_differences_and_leaves_what_was_recorded(
    ledger: ClickHouse, tenant: str
) -> None:
    rerate(ledger, october(tenant), "fin", "new contract")

    assert charges(ledger, tenant, "kind") == {
        "spend": Decimal("0.003"),
        "rerate": Decimal("0.0016"),
    }
    assert charges(ledger, tenant, "team") == {
        "search": Decimal("0.003"),
        "support": Decimal("0.0015") + Decimal("0.0001"),
    }
    recorded = ledger.rows(
        "SELECT sum(cost_usd) FROM calls WHERE tenant = {t:String}", {"t": tenant}
    )
    assert [tuple(row) for row in recorded] == [(Decimal("0.003"),)]
    (row,) = ledger.rows(
        "SELECT author, reason, period, old_usd, new_usd, amount_usd,"
        " book_at = (SELECT max(book_at) FROM price_books)"
        " FROM adjustments WHERE tenant = {tenant:String} AND model = 'new'",
        {"tenant": tenant},
    )
    assert tuple(row)[:2] == ("fin", "new contract")
    assert tuple(row)[3:] == (None, Decimal("0.0001"), Decimal("0.0001"), True)


def test_rerating_again_adds_nothing_and_back_again_takes_it_back(
    ledger: ClickHouse, tenant: str
) -> None:
    rerate(ledger, october(tenant), "fin", "")
    rerate(ledger, october(tenant), "fin", "")

    assert count(ledger, tenant) == 3

    put_in_force(ledger, book(m="0.000002", new="0.000001"))
    rerate(ledger, october(tenant), "fin", "")

    assert sum(charges(ledger, tenant, "kind").values()) == Decimal("0.003") + Decimal("0.0001")
    assert charges(ledger, tenant, "model")["m"] == Decimal("0.003")


def test_rerating_keeps_to_the_models_and_the_time_that_were_asked_for(
    ledger: ClickHouse, insert: Any, tenant: str
) -> None:
    rerate(ledger, october(tenant, ["new"]), "fin", "")

    assert charges(ledger, tenant, "kind")["rerate"] == Decimal("0.0001")


def test_a_copy_that_is_found_after_it_was_priced_anew_is_charged_nothing(
    schema: ClickHouse, insert: Any, tenant: str
) -> None:
    put_in_force(schema, book(m="0.000002"))
    sure = {"gen_ai.response.id": "chatcmpl-9fK2mQ7bXz1LpWd4"}
    first = call("house", "m", 1_000, 0, at=OCTOBER, **sure)
    insert(schema, [first])
    put_in_force(schema, book(m="0.000003"))
    rerate(schema, october(tenant), "fin", "")
    better = call("house", "m", 1_000, 0, at=OCTOBER, tollbook__tags__team="search", **sure)
    insert(schema, [better])

    search(schema)

    assert sum(charges(schema, tenant, "kind").values()) == Decimal("0.003")
    assert charges(schema, tenant, "team") == {"": Decimal(0), "search": Decimal("0.003")}


def test_a_closed_month_is_the_same_to_the_byte_before_and_after_a_price_update(
    ledger: ClickHouse, insert: Any, tenant: str
) -> None:
    month = Month.parsed("2026-10")
    before = close(ledger, tenant, month, "fin", NOW)

    put_in_force(ledger, book(m="0.000009"))
    insert(ledger, [used("m", 7_000, team="late")])
    rerate(ledger, october(tenant), "fin", "")
    book_late_charges(ledger)

    assert report(ledger, tenant, month) == before
    assert close(ledger, tenant, month, "else", NOW) == before
    assert json.loads(before)["cost_usd"] == "0.003000000000"


def test_what_comes_after_the_close_is_charged_in_the_next_month_with_its_usage_date(
    ledger: ClickHouse, insert: Any, tenant: str
) -> None:
    close(ledger, tenant, Month.parsed("2026-10"), "fin", NOW)
    insert(ledger, [used("m", 100, team="search"), used("m", 10, at=NOVEMBER)])

    book_late_charges(ledger)
    book_late_charges(ledger)

    assert charges(ledger, tenant, "period") == {
        "2026-10-01": Decimal("0.003"),
        "2026-11-01": Decimal("0.00003") + Decimal("0.0003"),
    }
    late = ledger.rows(
        "SELECT toString(period), toString(toDate(hour)), calls, amount_usd FROM adjustments"
        " WHERE tenant = {tenant:String} AND kind = 'late' ORDER BY period",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in late] == [
        ("2026-10-01", "2026-10-20", -1, Decimal("-0.0003")),
        ("2026-11-01", "2026-10-20", 1, Decimal("0.0003")),
    ]


def test_pricing_a_closed_month_anew_is_charged_in_the_next_one(
    ledger: ClickHouse, tenant: str
) -> None:
    close(ledger, tenant, Month.parsed("2026-10"), "fin", NOW)

    rerate(ledger, october(tenant), "fin", "")
    book_late_charges(ledger)

    assert charges(ledger, tenant, "period") == {
        "2026-10-01": Decimal("0.003"),
        "2026-11-01": Decimal("0.0016"),
    }


def test_the_report_of_an_open_month_has_charges_of_every_kind(
    ledger: ClickHouse, tenant: str
) -> None:
    rerate(ledger, october(tenant), "fin", "")

    answer = json.loads(report(ledger, tenant, Month.parsed("2026-10")))

    assert answer["closed_at"] == ""
    assert answer["calls"] == 3
    assert answer["cost_usd"] == "0.004600000000"
    assert [(row["kind"], row["cost_usd"]) for row in answer["by_kind"]] == [
        ("spend", "0.003000000000"),
        ("rerate", "0.001600000000"),
    ]


@pytest.mark.parametrize(
    ("month", "message"),
    [("2026-11", "2026-11 can be closed once it has ended"), ("2026-10", "2026-09 has charges")],
)
def test_months_are_closed_in_order_and_after_their_end(
    ledger: ClickHouse, insert: Any, tenant: str, month: str, message: str
) -> None:
    insert(ledger, [used("m", 1, at=datetime(2026, 9, 1, tzinfo=UTC))])

    with pytest.raises(WrongMonth, match=message):
        close(ledger, tenant, Month.parsed(month), "fin", NOW)


@pytest.mark.parametrize("text", ["2026-13", "2026", "october", "2026-1", "1999-01", "2026-10-01"])
def test_a_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongMonth, match="is not a month"):
        Month.parsed(text)


def test_charges_belong_to_the_first_rule_that_fits_and_all_of_them_add_up(
    ledger: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(ledger, [used("m", 10, project="x"), used("m", 7, team="search", project="x")])
    rerate(ledger, october(tenant), "fin", "")
    rules = Allocation.model_validate(
        {
            "rules": [
                {"cost_centre": "Search", "team": ["search", "find"]},
                {"cost_centre": "Project X", "tags": {"project": ["x"]}},
                {"cost_centre": "Nobody", "team": ["support"], "model": ["other"]},
            ]
        }
    )

    answer = json.loads(report(ledger, tenant, Month.parsed("2026-10"), rules))

    sums: dict[str, Decimal] = {}
    for line in answer["allocation"]:
        centre = line["cost_centre"]
        sums[centre] = sums.get(centre, Decimal(0)) + Decimal(line["cost_usd"])
    # All at 3 micro-dollars a token, the model new at 1.
    assert sums == {
        "Search": 1_007 * Decimal("0.000003"),
        "Project X": 10 * Decimal("0.000003"),
        "unallocated": 500 * Decimal("0.000003") + 100 * Decimal("0.000001"),
    }
    assert sum(sums.values()) == Decimal(answer["cost_usd"])
    assert sum(line["calls"] for line in answer["allocation"]) == answer["calls"] == 5


def test_the_allocation_of_a_closed_month_does_not_follow_new_rules(
    ledger: ClickHouse, insert: Any, tenant: str
) -> None:
    month = Month.parsed("2026-10")
    rules = Allocation.model_validate({"rules": [{"cost_centre": "S", "team": ["search"]}]})

    before = close(ledger, tenant, month, "fin", NOW, rules)
    insert(ledger, [used("m", 100, team="search")])
    book_late_charges(ledger)

    assert report(ledger, tenant, month, Allocation()) == before
    after = json.loads(report(ledger, tenant, Month.parsed("2026-11"), rules))
    late = [(line["cost_centre"], line["calls"], line["cost_usd"]) for line in after["allocation"]]
    assert late == [("S", 1, "0.000300000000")]
