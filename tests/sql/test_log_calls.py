"""Log records of coding agents become calls: counted, priced, and in balanced books."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_requests import SECOND_NS, Span, nanoseconds, request

from tollbook_collector.intake.examine import examine
from tollbook_collector.intake.signals import LOGS, TRACES, Signal
from tollbook_collector.money.copies import Copies
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.client import ClickHouse

DIALECTS = Path(__file__).parent / "dialects"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAUDE = {
    "model": "claude-opus-5-5",
    "input_tokens": 2000,
    "output_tokens": 1000,
    "cache_read_tokens": 10000,
    "cache_creation_tokens": 8000,
    "cache_creation_5m_tokens": 5000,
    "cache_creation_1h_tokens": 3000,
    "cost_usd": 0.079,
    "duration_ms": 900,
    "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "session.id": "s1",
    "user.account_uuid": "u1",
}
# 2,000 new input tokens at 4 USD a million, 10,000 read at 0.20, 5,000 written for 5 minutes at 5
# and 3,000 for an hour at 8, and 1,000 of output at 20.
CLAUDE_USD = (
    2_000 * Decimal(4) + 10_000 * Decimal("0.2") + 5_000 * Decimal(5) + 3_000 * Decimal(8)
) / 10**6 + 1_000 * Decimal(20) / 10**6


def put(clickhouse: ClickHouse, tenant: str, signal: Signal, body: bytes, token: str = "") -> None:
    items = examine(signal, body).items
    envelope = Envelope(tenant, "key1", nanoseconds(AT) + SECOND_NS, 1, items, body)
    clickhouse.insert_segment(header() + record(envelope), token or uuid.uuid4().hex, signal.name)


def logs(
    attributes: dict[str, Any],
    body: str = "",
    event_name: str = "",
    scope: str = "",
    count: int = 1,
) -> bytes:
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "agent"
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    for number in range(count):
        found = scope_logs.log_records.add(
            time_unix_nano=nanoseconds(AT) + number, event_name=event_name
        )
        found.body.string_value = body
        for key, value in attributes.items():
            target = found.attributes.add(key=key).value
            if isinstance(value, bool):
                target.bool_value = value
            elif isinstance(value, int):
                target.int_value = value
            elif isinstance(value, float):
                target.double_value = value
            elif isinstance(value, list):
                for item in value:
                    target.array_value.values.add().string_value = item
            else:
                target.string_value = value
    return bytes(message.SerializeToString())


def calls(clickhouse: ClickHouse, tenant: str, columns: str) -> list[tuple[Any, ...]]:
    statement = f"SELECT {columns} FROM calls WHERE tenant = {{tenant:String}}"
    return [tuple(row) for row in clickhouse.rows(statement, {"tenant": tenant})]


@pytest.mark.parametrize(
    "name",
    [
        {"body": "claude_code.api_request"},
        {"event_name": "claude_code.api_request"},
        {"event_name": "api_request", "scope": "com.anthropic.claude_code.events"},
    ],
    ids=["body", "field", "field and scope"],
)
def test_an_api_request_of_claude_code_is_a_priced_call(
    priced: ClickHouse, tenant: str, name: dict[str, str]
) -> None:
    put(priced, tenant, LOGS, logs(CLAUDE, **name))

    found = calls(
        priced,
        tenant,
        "provider, model, input_tokens, output_tokens, cache_read_tokens, cache_write_1h_tokens,"
        " response_id, conversation_id, service, duration_ns, started_at",
    )

    started_at = datetime(2026, 11, 20, 11, 59, 59, 100_000)
    assert [(*row[:10], row[10].replace(tzinfo=None)) for row in found] == [
        (
            *("anthropic", "claude-opus-5-5", 20_000, 1_000, 10_000, 3_000),
            *(CLAUDE["request_id"], "s1", "agent", 900_000_000, started_at),
        )
    ]
    assert calls(priced, tenant, "cost_usd") == [(CLAUDE_USD,)]


def test_the_end_of_codex_s_stream_is_one_call_though_it_is_told_twice(
    priced: ClickHouse, tenant: str
) -> None:
    # Codex 0.169 writes the place in its code into the field for the name.
    field = "event otel/src/events/session_telemetry.rs:1153"
    end = {"event.name": "codex.sse_event", "event.kind": "response.completed"}
    usage = {"model": "gpt-6.1-sol", "input_token_count": "10000", "output_token_count": "2000"}

    put(priced, tenant, LOGS, logs(end, event_name=field))
    put(priced, tenant, LOGS, logs({**end, **usage, "cached_token_count": 6000}, event_name=field))

    found = calls(priced, tenant, "model, input_tokens, cache_read_tokens, output_tokens")
    assert found == [("gpt-6.1-sol", 10_000, 6_000, 2_000)]


def test_gemini_cli_s_span_of_a_call_is_no_call_beside_its_log(
    priced: ClickHouse, tenant: str
) -> None:
    told = {"event.name": "gemini_cli.api_response", "model": "gemini-4-argon"}
    usage = {"input_token_count": 4_500, "output_token_count": 700}
    spans = {"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-4-argon"}

    put(priced, tenant, LOGS, logs({**told, **usage}, scope="gemini-cli"))
    put(priced, tenant, TRACES, request([Span(spans, name="llm_call", kind=1, scope="gemini-cli")]))

    assert calls(priced, tenant, "model, input_tokens") == [("gemini-4-argon", 4_500)]


@pytest.mark.parametrize("dialect", ["codex", "gemini_cli"])
def test_events_of_other_agents_are_the_calls_that_their_dialect_says(
    priced: ClickHouse, tenant: str, dialect: str
) -> None:
    examples = json.loads((DIALECTS / f"{dialect}.json").read_text())["spans"]
    billed = [example for example in examples if example["expected"]["is_call"]]
    for number, example in enumerate(billed):
        attributes = {**example["attributes"], "example": number}
        put(priced, tenant, LOGS, logs(attributes, body=example["name"]))

    found = calls(priced, tenant, "input_tokens, output_tokens, toString(cost_usd)")

    names = ("input_tokens", "output_tokens", "cost_usd")
    expected = [tuple(example["expected"][name] for name in names) for example in billed]
    assert sorted((i, o, Decimal(c)) for i, o, c in found) == sorted(
        (i, o, Decimal(c)) for i, o, c in expected
    )


def test_an_event_without_usage_is_no_call(priced: ClickHouse, tenant: str) -> None:
    put(priced, tenant, LOGS, logs({"event.kind": "response.created"}, body="codex.sse_event"))
    put(priced, tenant, LOGS, logs({"model": "claude-opus-5-5"}, body="claude_code.user_prompt"))
    put(priced, tenant, LOGS, logs(CLAUDE, event_name="api_request", scope="another program"))

    assert calls(priced, tenant, "model") == []


def test_calls_of_the_same_session_and_size_are_all_counted(
    priced: ClickHouse, tenant: str
) -> None:
    attributes = {key: value for key, value in CLAUDE.items() if key != "request_id"}
    put(priced, tenant, LOGS, logs(attributes, body="claude_code.api_request", count=5))

    Copies(lambda: priced).search()

    assert len(calls(priced, tenant, "span_id")) == 5


def test_a_call_in_logs_and_in_a_span_is_billed_once(priced: ClickHouse, tenant: str) -> None:
    span = Span(
        {
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-opus-5-5",
            "gen_ai.response.id": CLAUDE["request_id"],
            "input_tokens": 2000,
            "output_tokens": 1000,
            "cache_read_tokens": 10000,
            "cache_creation_tokens": 8000,
        },
        name="claude_code.llm_request",
    )
    put(priced, tenant, LOGS, logs(CLAUDE, body="claude_code.api_request"))
    put(priced, tenant, TRACES, request([span]))

    Copies(lambda: priced).search()

    statement = "SELECT sum(calls), sum(cost_usd) FROM spend_hourly WHERE tenant = {tenant:String}"
    (total,) = priced.rows(statement, {"tenant": tenant})
    assert tuple(total) == (1, CLAUDE_USD)


def test_an_insert_that_is_repeated_adds_no_call_and_the_books_balance(
    priced: ClickHouse, tenant: str
) -> None:
    body = logs(CLAUDE, body="claude_code.api_request", count=3)
    for _ in range(2):
        put(priced, tenant, LOGS, body, token=f"once-{tenant}")

    statement = (
        "SELECT signal, received, stored, imbalance FROM books"
        " WHERE tenant = {tenant:String} ORDER BY signal"
    )
    books = [tuple(row) for row in priced.rows(statement, {"tenant": tenant})]
    assert books == [("logs", 3, 3, 0), ("traces", 0, 0, 0)]
    assert len(calls(priced, tenant, "span_id")) == 3
