"""A key that is there twice in a span: OTLP leaves open what it means; here the first counts."""

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import call, request

from tollbook_collector.store.client import ClickHouse

# Key, and its two values.
TWICE = (
    ("gen_ai.response.model", "gpt-4o-2024-11-20", "claude-sonnet-4-5"),
    ("tollbook.tags.team", "search", "sales"),
    ("user.id", "ann", "bob"),
    ("my.key", "first", "second"),
)


def test_of_a_key_that_is_there_twice_the_first_counts(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    message = ExportTraceServiceRequest.FromString(request([call("openai", "gpt-4o", 1_000, 10)]))
    resource = message.resource_spans[0].resource
    resource.attributes.add(key="service.name").value.string_value = "other"
    span = message.resource_spans[0].scope_spans[0].spans[0]
    for key, *values in TWICE:
        for value in values:
            span.attributes.add(key=key).value.string_value = value
    span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 9

    insert(priced, message.SerializeToString())

    statement = (
        "SELECT service, response_model, team, tags['team'], user_id, attributes['my.key'],"
        " input_tokens FROM calls WHERE tenant = {tenant:String}"
    )
    found = [tuple(row) for row in priced.rows(statement, {"tenant": tenant})]
    first = ("checkout", "gpt-4o-2024-11-20", "search", "search", "ann", "first", 1_000)
    assert found == [first]
