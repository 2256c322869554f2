"""Builds OTLP export requests from plain values, for tests."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND_NS = 1_000_000_000


def nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * SECOND_NS + at.microsecond * 1000


@dataclass(frozen=True)
class Span:
    """One span to be sent; ids are drawn unless given."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = NOON
    duration_ns: int = SECOND_NS
    name: str = "chat gpt"
    kind: int = 3
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_span_id: bytes = b""
    status_code: int = 0
    status_message: str = ""
    scope: str = "tests"


def call(
    provider: str,
    model: str,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    at: datetime = NOON,
    status_code: int = 0,
    **usage: Any,
) -> Span:
    """Return the span of a chat call; further usage by the conventions' names, dots as `__`."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    if input_tokens is not None:
        attributes["gen_ai.usage.input_tokens"] = input_tokens
    if output_tokens is not None:
        attributes["gen_ai.usage.output_tokens"] = output_tokens
    attributes |= {name.replace("__", "."): value for name, value in usage.items()}
    return Span(attributes, at=at, status_code=status_code)


def cache_read(tokens: int) -> dict[str, int]:
    return {"gen_ai.usage.cache_read.input_tokens": tokens}


def cache_write(tokens: int) -> dict[str, int]:
    return {"gen_ai.usage.cache_write.input_tokens": tokens}


def request(spans: Sequence[Span], resource: Mapping[str, Any] | None = None) -> bytes:
    """Return an export request with one resource, and a scope for each name of one."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    for key, value in (resource or {"service.name": "checkout"}).items():
        _set(resource_spans.resource.attributes.add(key=key).value, value)
    scopes: dict[str, Any] = {}
    for span in spans:
        if span.scope not in scopes:
            scopes[span.scope] = resource_spans.scope_spans.add()
            scopes[span.scope].scope.name = span.scope
            scopes[span.scope].scope.version = "1.2"
        scope_spans = scopes[span.scope]
        started_ns = nanoseconds(span.at)
        message_span = scope_spans.spans.add(
            trace_id=span.trace_id or os.urandom(16),
            span_id=span.span_id or os.urandom(8),
            parent_span_id=span.parent_span_id,
            name=span.name,
            kind=span.kind,  # type: ignore[arg-type]
            start_time_unix_nano=started_ns,
            end_time_unix_nano=started_ns + span.duration_ns,
        )
        message_span.status.code = span.status_code  # type: ignore[assignment]
        message_span.status.message = span.status_message
        for key, value in span.attributes.items():
            _set(message_span.attributes.add(key=key).value, value)
    return message.SerializeToString()


def _set(target: AnyValue, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for element in value:
            _set(target.array_value.values.add(), element)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, element in value.items():
            _set(target.kvlist_value.values.add(key=key).value, element)
