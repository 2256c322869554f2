"""Logs and metrics become rows, and the books of every signal balance."""

import uuid
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_requests import NOON, SECOND_NS, Span, nanoseconds, request

from tollbook_collector.intake.examine import examine
from tollbook_collector.intake.signals import LOGS, METRICS, SIGNALS, TRACES, Signal
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store.client import ClickHouse

NOON_NS = nanoseconds(NOON)


def put(
    priced: ClickHouse,
    tenant: str,
    signal: Signal,
    body: bytes,
    rejected: tuple[tuple[str, int], ...] = (),
) -> None:
    items = examine(signal, body).items if body else 0
    envelope = Envelope(tenant, "key1", NOON_NS + SECOND_NS, 1, items, body, rejected)
    priced.insert_segment(header() + record(envelope), uuid.uuid4().hex, signal.name)


def rows(priced: ClickHouse, statement: str, tenant: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in priced.rows(statement, {"tenant": tenant})]


def logs() -> bytes:
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "claude-code"
    records = resource_logs.scope_logs.add().log_records
    first = records.add(time_unix_nano=NOON_NS, severity_number=9, event_name="api_request")  # type: ignore[arg-type]
    first.body.string_value = "claude_code.api_request"
    first.trace_id, first.span_id = b"t" * 16, b"s" * 8
    first.attributes.add(key="input_tokens").value.int_value = 12
    second = records.add(observed_time_unix_nano=NOON_NS + 1)
    second.attributes.add(key="event.name").value.string_value = "user_prompt"
    return message.SerializeToString()


def metrics() -> bytes:
    message = ExportMetricsServiceRequest()
    found = message.resource_metrics.add().scope_metrics.add().metrics
    found.add(name="gauge", unit="1").gauge.data_points.add(as_double=0.5, time_unix_nano=NOON_NS)
    total = found.add(name="total").sum
    total.is_monotonic, total.aggregation_temporality = True, 2  # type: ignore[assignment]
    total.data_points.add(as_int=-7).attributes.add(key="model").value.string_value = "gpt"
    histogram = found.add(name="latency").histogram.data_points
    histogram.add(count=3, sum=1.5, bucket_counts=[1, 2], explicit_bounds=[0.1])
    found.add(name="exponential").exponential_histogram.data_points.add(count=2, sum=4.0)
    found.add(name="summary").summary.data_points.add(count=1, sum=9.0)
    return message.SerializeToString()


def test_a_log_record_becomes_a_row(priced: ClickHouse, tenant: str) -> None:
    put(priced, tenant, LOGS, logs())

    found = rows(
        priced,
        "SELECT event_name, body, service, severity_number, toUnixTimestamp64Nano(logged_at),"
        " trace_id, attributes['input_tokens'] FROM log_records"
        " WHERE tenant = {tenant:String} ORDER BY logged_at",
        tenant,
    )

    assert found == [
        ("api_request", "claude_code.api_request", "claude-code", 9, NOON_NS, b"t" * 16, "12"),
        ("user_prompt", "", "claude-code", 0, NOON_NS + 1, bytes(16), ""),
    ]


def test_each_kind_of_data_point_becomes_a_row(priced: ClickHouse, tenant: str) -> None:
    put(priced, tenant, METRICS, metrics())

    found = rows(
        priced,
        "SELECT metric, kind, value, count, buckets, bounds, temporality, monotonic,"
        " attributes['model'] FROM metric_points WHERE tenant = {tenant:String} ORDER BY metric",
        tenant,
    )

    assert found == [
        ("exponential", "exponential_histogram", 4.0, 2, [], [], 0, False, ""),
        ("gauge", "gauge", 0.5, 0, [], [], 0, False, ""),
        ("latency", "histogram", 1.5, 3, [1, 2], [0.1], 0, False, ""),
        ("summary", "summary", 9.0, 1, [], [], 0, False, ""),
        ("total", "sum", -7.0, 0, [], [], 2, True, "gpt"),
    ]


def test_a_span_that_is_its_own_parent_has_none(priced: ClickHouse, tenant: str) -> None:
    span = Span(span_id=b"12345678", parent_span_id=b"12345678")
    child = Span(span_id=b"abcdefgh", parent_span_id=b"12345678")
    put(priced, tenant, TRACES, request([span, child]))

    found = rows(
        priced,
        "SELECT span_id, parent_span_id FROM spans WHERE tenant = {tenant:String} ORDER BY span_id",
        tenant,
    )

    assert found == [(b"12345678", bytes(8)), (b"abcdefgh", b"12345678")]


BODIES = {TRACES: request([Span(), Span()]), LOGS: logs(), METRICS: metrics()}


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_the_books_balance(priced: ClickHouse, tenant: str, signal: Signal) -> None:
    put(priced, tenant, signal, BODIES[signal], (("timestamp", 3), ("invalid_span_id", 1)))
    put(priced, tenant, signal, b"", (("quarantined", 5),))
    items = examine(signal, BODIES[signal]).items

    found = rows(
        priced,
        "SELECT signal, key, hour = toStartOfHour(hour), received, stored, rejected, dropped,"
        " imbalance FROM books WHERE tenant = {tenant:String} AND received > 0",
        tenant,
    )

    assert found == [(signal.name, "key1", 1, items + 9, items, 4, 5, 0)]


def test_what_was_quarantined_and_then_stored_is_dropped_no_more(
    priced: ClickHouse, tenant: str
) -> None:
    put(priced, tenant, TRACES, b"", (("quarantined", 2),))
    put(priced, tenant, TRACES, BODIES[TRACES], (("quarantined", -2),))

    found = rows(
        priced,
        "SELECT received, stored, dropped, imbalance FROM books WHERE tenant = {tenant:String}",
        tenant,
    )

    assert found == [(2, 2, 0, 0)]


def test_spans_that_are_missing_are_an_imbalance(priced: ClickHouse, tenant: str) -> None:
    envelope = Envelope(tenant, "key1", NOON_NS, 1, 3, BODIES[TRACES])
    priced.insert_segment(header() + record(envelope), uuid.uuid4().hex)

    found = rows(priced, "SELECT imbalance FROM books WHERE tenant = {tenant:String}", tenant)

    assert found == [(1,)]
