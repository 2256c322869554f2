"""Decoding and normalising in SQL: what a span says is what its row says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from otlp_requests import NOON, Span, call, request

from tollbook_collector.store.client import DATA_ERROR_CODES, ClickHouse, StoreRefused


def row(clickhouse: ClickHouse, tenant: str, *columns: str) -> tuple[Any, ...]:
    """Return columns of the only span of a tenant."""
    statement = f"SELECT {', '.join(columns)} FROM spans WHERE tenant = {{tenant:String}}"
    (only,) = clickhouse.rows(statement, {"tenant": tenant})
    return tuple(only)


def test_the_fields_of_a_span_become_columns(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    at = datetime(2026, 11, 20, 12, 0, 0, 123_456, tzinfo=UTC)
    span = Span(
        at=at,
        duration_ns=1_500_000_001,
        name="chat gpt-4o",
        kind=3,
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        parent_span_id=bytes(8)[:7] + b"\x01",
        status_code=2,
        status_message="rate limited",
    )

    insert(migrated, [span], resource={"service.name": "api", "host.name": "h1", "n": 5})

    assert row(
        migrated,
        tenant,
        "toUnixTimestamp64Nano(started_at)",
        "duration_ns",
        "name",
        "kind",
        "lower(hex(trace_id))",
        "lower(hex(span_id))",
        "lower(hex(parent_span_id))",
        "status_code",
        "status_message",
        "service",
        "scope_name",
        "resource",
        "key",
    ) == (
        int(at.timestamp()) * 10**9 + 123_456_000,
        1_500_000_001,
        "chat gpt-4o",
        3,
        "000102030405060708090a0b0c0d0e0f",
        "0001020304050607",
        "0000000000000001",
        2,
        "rate limited",
        "api",
        "tests",
        {"host.name": "h1", "n": "5"},
        "key1",
    )


def test_attributes_without_a_column_are_kept_as_text_with_their_type_in_mind(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    attributes = {
        "text": "a\x00b'c\\d\n",
        "integer": -(2**63),
        "double": 0.5,
        "yes": True,
        "list": ["x", 1, 2.5, False],
        "empty": "",
        "bytes": b"\xff\x00",
    }

    insert(migrated, [Span(attributes)])

    assert row(migrated, tenant, "attributes") == (
        {
            "text": "a\x00b'c\\d\n",
            "integer": "-9223372036854775808",
            "double": "0.5",
            "yes": "true",
            "list": '["x","1","2.5","false"]',
            "empty": "",
            "bytes": "/wA=",
        },
    )


def test_a_span_without_a_service_has_a_name_for_that(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(migrated, [Span()], resource={"other": "x"})

    assert row(migrated, tenant, "service", "environment") == ("unknown_service", "")


@pytest.mark.parametrize(
    ("attribute", "value", "column", "expected"),
    [
        ("gen_ai.system", "AZ.AI.OpenAI", "provider", "azure.ai.openai"),
        ("gen_ai.usage.prompt_tokens", 7, "input_tokens", 7),
        ("gen_ai.usage.input_tokens", "7", "input_tokens", 7),
        ("gen_ai.usage.input_tokens", 7.0, "input_tokens", 7),
        ("gen_ai.usage.input_tokens", 7.5, "input_tokens", None),
        ("gen_ai.usage.input_tokens", "7 tokens", "input_tokens", None),
        ("gen_ai.usage.input_tokens", float("nan"), "input_tokens", None),
        ("gen_ai.usage.input_tokens", 0, "input_tokens", 0),
        ("gen_ai.usage.completion_tokens", 9, "output_tokens", 9),
        ("openai.response.service_tier", "default", "service_tier", "standard"),
        ("openai.response.service_tier", "Flex", "service_tier", "flex"),
        ("gen_ai.request.stream", True, "stream", True),
        (
            "gen_ai.response.finish_reasons",
            ["stop", "length"],
            "finish_reasons",
            ["stop", "length"],
        ),
        ("gen_ai.response.time_to_first_chunk", 0.25, "time_to_first_chunk_ns", 250_000_000),
        ("enduser.id", "u1", "user_id", "u1"),
        ("tollbook.tags.team", "search", "team", "search"),
        ("tollbook.tags.region", "eu", "tags", {"region": "eu"}),
        ("error.type", "RateLimitError", "error_type", "RateLimitError"),
    ],
)
def test_a_spelling_of_an_attribute_reaches_its_column(
    priced: ClickHouse,
    insert: Any,
    tenant: str,
    attribute: str,
    value: Any,
    column: str,
    expected: Any,
) -> None:
    insert(priced, [Span({attribute: value})])

    assert row(priced, tenant, column, "length(attributes)") == (expected, 0)


def test_a_count_that_cannot_be_is_left_out_and_named(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [call("openai", "gpt-4o", -5, 10)])

    assert row(priced, tenant, "input_tokens", "usage_fixups") == (None, ["count_out_of_range"])


def test_a_cost_that_was_reported_is_kept_beside_ours(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    ours = {"tollbook.cost_usd": "0.000000000001", "gen_ai.usage.cost.source": "local"}

    insert(priced, [call("openai", "mystery", 1, 1, **ours)])

    cost, reported, source = row(
        priced, tenant, "cost_usd", "toString(reported_cost_usd)", "reported_cost_source"
    )
    assert (cost, reported, source) == (None, "0.000000000001", "local")


def test_a_span_that_ends_before_it_starts_has_no_duration(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(migrated, [Span(duration_ns=-1_000_000)])

    assert row(migrated, tenant, "duration_ns") == (0,)


def test_a_body_that_is_not_otlp_stores_nothing(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    good = request([Span()])

    with pytest.raises(StoreRefused) as refusal:
        insert(migrated, good + b"\x0a\xff\xff")

    assert refusal.value.code in DATA_ERROR_CODES
    counted = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    assert migrated.rows(counted, {"tenant": tenant}) == [(0,)]


def test_the_same_token_stores_a_segment_once_in_every_table(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    """Over two months, so over two partitions, and in the roll-ups behind the spans."""
    body = request(
        [
            call("openai", "gpt-4o", 10, 1),
            call("openai", "gpt-4o", 10, 1, at=NOON - timedelta(days=40)),
        ]
    )

    for _ in range(3):
        insert(migrated, body, token=f"the same of {tenant}")

    counts = migrated.rows(
        "SELECT (SELECT count() FROM spans WHERE tenant = {tenant:String}),"
        " (SELECT sum(calls) FROM spend_hourly WHERE tenant = {tenant:String}),"
        " (SELECT sum(calls) FROM spend_minutely WHERE tenant = {tenant:String})",
        {"tenant": tenant},
    )
    assert [tuple(map(int, counts[0]))] == [(2, 2, 2)]


def test_the_roll_ups_add_up_to_the_calls(priced: ClickHouse, insert: Any, tenant: str) -> None:
    spans = [
        call("openai", "gpt-4o", 1_000 + number, 10, at=NOON + timedelta(minutes=7 * number))
        for number in range(20)
    ]
    spans += [call("openai", "mystery", 5, 5), call("openai", "gpt-4o", status_code=2)]

    insert(priced, spans[:11])
    insert(priced, spans[11:])

    columns = "sum(calls), sum(errors), sum(unpriced_calls), sum(input_tokens), sum(cost_usd)"
    expected = priced.rows(
        "SELECT count(), countIf(status_code = 2), 1, sum(input_tokens), sum(cost_usd)"
        " FROM spans WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    for table in ("spend_hourly", "spend_minutely"):
        found = priced.rows(
            f"SELECT {columns} FROM {table} WHERE tenant = {{tenant:String}}", {"tenant": tenant}
        )
        assert found == expected


def test_spans_of_many_months_are_one_insert(
    migrated: ClickHouse, insert: Any, tenant: str
) -> None:
    """A sender with a broken clock must not stop the line: the engine would take 100 months."""
    spans = [
        Span(
            {"gen_ai.operation.name": "chat"},
            at=datetime(1971 + n // 12, 1 + n % 12, 1, tzinfo=UTC),
        )
        for n in range(101)
    ]

    insert(migrated, spans)

    counted = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    assert migrated.rows(counted, {"tenant": tenant}) == [(101,)]
