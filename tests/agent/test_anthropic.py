"""Calls through the real Anthropic library."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

import tollbook

from .conftest import MESSAGES_USAGE, messages_answer, messages_events

CREATE: Any = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "a-word-that-must-not-leave"}],
}
Delivered = Callable[[], list[Any]]
# claude-sonnet-4-6, USD for a million tokens: 3 input, 0.30 read from the cache, 3.75 written for
# five minutes and 6 for an hour, 15 output:
# 211 * 0.000003 + 1013 * 0.0000003 + 206 * 0.00000375 + 101 * 0.000006 + 173 * 0.000015
COST_USD = "0.0049104"


def assert_message(span: Any) -> None:
    said = span.attributes
    assert span.name == "chat claude-sonnet-4-6"
    assert said["gen_ai.provider.name"] == "anthropic"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.response.id"] == "msg_1"
    assert said["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert said["anthropic.response.service_tier"] == "standard"
    assert said["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1013
    assert said["gen_ai.usage.cache_write.input_tokens"] == 307
    assert said["gen_ai.usage.cache_creation.input_tokens"] == 307
    assert said["anthropic.usage.cache_creation.ephemeral_5m_input_tokens"] == 206
    assert said["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"] == 101
    assert said["gen_ai.usage.output_tokens"] == 173
    assert said["tollbook.cost_usd"] == COST_USD
    assert "tollbook.usage.complete" not in said
    assert "openai.api.type" not in said
    assert "a-word-that-must-not-leave" not in repr(span)


def test_a_message_is_one_span_with_inclusive_totals(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    anthropic_client.messages.create(**CREATE)

    (span,) = delivered()
    assert_message(span)


async def test_an_async_message_is_one_span(
    async_anthropic_client: anthropic.AsyncAnthropic, delivered: Delivered
) -> None:
    await async_anthropic_client.messages.create(**CREATE)

    (span,) = delivered()
    assert_message(span)


def test_the_beta_interface_is_the_same(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    anthropic_client.beta.messages.create(**CREATE)

    (span,) = delivered()
    assert_message(span)


def test_a_streams_output_is_its_last_cumulative_count(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    stream = anthropic_client.messages.create(**CREATE, stream=True)
    list(stream)

    (span,) = delivered()
    assert type(stream) is anthropic.Stream
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert_message(span)


def test_a_streams_usage_is_seen_however_much_comes_after_it(
    wire: Any, delivered: Delivered
) -> None:
    later = [("later_addition", {"type": "later_addition"})] * 20
    pieces = [
        f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()
        for kind, event in [*messages_events(), *later]
    ]
    wire.stream(pieces)
    with anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as client:
        list(client.messages.create(**CREATE, stream=True))
        # Decoded as the program asks for it, an event is a dict.
        list(
            client.post(
                "/v1/messages",
                cast_to=object,
                body={**CREATE, "stream": True},
                stream=True,
                stream_cls=anthropic.Stream[object],
            )
        )

    for span in delivered():
        assert_message(span)


async def test_an_async_stream_is_one_span(
    async_anthropic_client: anthropic.AsyncAnthropic, delivered: Delivered
) -> None:
    stream = await async_anthropic_client.messages.create(**CREATE, stream=True)
    async for _ in stream:
        pass

    (span,) = delivered()
    assert type(stream) is anthropic.AsyncStream
    assert_message(span)


def test_the_stream_helper_is_one_span(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    with anthropic_client.messages.stream(**CREATE) as stream:
        message = stream.get_final_message()

    (span,) = delivered()
    assert message.usage.output_tokens == 173
    assert_message(span)


async def test_the_async_stream_helper_is_one_span(
    async_anthropic_client: anthropic.AsyncAnthropic, delivered: Delivered
) -> None:
    async with async_anthropic_client.messages.stream(**CREATE) as stream:
        texts = [text async for text in stream.text_stream]

    (span,) = delivered()
    assert len(texts) == 8
    assert_message(span)


def test_raw_and_streaming_responses_are_one_span_each(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    raw = anthropic_client.messages.with_raw_response.create(**CREATE)
    with anthropic_client.messages.with_streaming_response.create(**CREATE) as response:
        streamed = response.parse()

    first, second = delivered()
    assert raw.parse().id == streamed.id == "msg_1"
    assert_message(first)
    assert_message(second)


def test_a_raw_stream_is_one_span(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    raw = anthropic_client.messages.with_raw_response.create(**CREATE, stream=True)
    stream: Any = raw.parse()
    list(stream)

    (span,) = delivered()
    assert_message(span)


def test_a_stream_closed_early_says_what_was_seen_and_that_it_is_not_all(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    with anthropic_client.messages.stream(**CREATE) as stream:
        next(stream)

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert "tollbook.cost_usd" not in said


def test_a_stream_dropped_is_recorded_without_waiting_for_the_garbage_collector(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    stream = anthropic_client.messages.create(**CREATE, stream=True)
    next(stream)
    del stream

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


@pytest.mark.parametrize("status", [400, 429, 529])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int, anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    provider.statuses = [status]

    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_client.messages.create(**CREATE)

    (span,) = delivered()
    assert caught.value.status_code == status
    assert span.status_code == 2
    assert span.attributes["error.type"] == type(caught.value).__name__


WITH_A_TRACER_PROVIDER = """
import os, anthropic, tollbook
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, TracerProvider

started = []

class Span(NonRecordingSpan):
    def is_recording(self):
        return True

class RecordingTracer(Tracer):
    def start_span(self, name, *args, **kwargs):
        started.append(name)
        return Span(SpanContext(1, 2, False, TraceFlags(1)))
    def start_as_current_span(self, name, *args, **kwargs):
        raise NotImplementedError

class Provider(TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return RecordingTracer()

trace.set_tracer_provider(Provider())
options = {"open_telemetry": {"propagation": False}} if os.environ["OPTION"] else {}
if os.environ["METER"]:
    tollbook.instrument(endpoint=os.environ["COLLECTOR"])
ask = dict(model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": "x"}])
with anthropic.Anthropic(api_key="k", base_url=os.environ["PROVIDER"], **options) as client:
    client.messages.create(**ask)
    list(client.messages.create(**ask, stream=True))
    with client.messages.stream(**ask) as stream:
        stream.until_done()
print(len(started), tollbook.flush(10).delivered)
"""


@pytest.mark.parametrize(("meter", "spans"), [("", "3 0"), ("yes", "0 3")])
def test_a_call_is_one_span_beside_the_librarys_own_tracing(
    meter: str, spans: str, run_python: Any
) -> None:
    ended = run_python(WITH_A_TRACER_PROVIDER, METER=meter, OPTION="")

    assert ended.stderr == ""
    assert ended.stdout.strip() == spans


def test_the_librarys_own_tracing_stays_off_with_a_tracer_provider_that_is_set_late(
    run_python: Any, provider: Any, collector: Any
) -> None:
    at_once, first = (
        "trace.set_tracer_provider(Provider())\n",
        "    client.messages.create(**ask)\n",
    )
    late = WITH_A_TRACER_PROVIDER.replace(at_once, "").replace(first, f"{first}    {at_once}")

    ended = run_python(late, METER="yes", OPTION="")

    ours = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in collector.spans]
    assert ended.stdout.strip() == "0 3"
    assert [headers.get("traceparent") for headers in provider.headers] == [None, *ours[1:]]


def test_requests_carry_the_trace_context_of_our_spans_in_place_of_the_librarys(
    run_python: Any, provider: Any, collector: Any
) -> None:
    ended = run_python(WITH_A_TRACER_PROVIDER, METER="yes", OPTION="")

    sent = [headers.get("traceparent") for headers in provider.headers]
    ours = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in collector.spans]
    assert ended.stderr == ""
    assert len(ours) == 3
    assert sent == ours


def test_a_client_that_is_not_to_propagate_does_not(run_python: Any, provider: Any) -> None:
    ended = run_python(WITH_A_TRACER_PROVIDER, METER="yes", OPTION="yes")

    assert ended.stdout.strip() == "0 3"
    assert [headers.get("traceparent") for headers in provider.headers] == [None] * 3


SIGNED = """
import os, anthropic, tollbook
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider

tracer_provider = TracerProvider()
trace.set_tracer_provider(tracer_provider)
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
ask = dict(model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": "x"}])
signed = []

class Signing(anthropic.Anthropic):
    def _prepare_request(self, request):
        signed.append("traceparent" in request.headers)

with Signing(api_key="k", base_url=os.environ["PROVIDER"]) as client:
    client.messages.create(**ask)
with anthropic.Anthropic(api_key="k", base_url=os.environ["PROVIDER"]) as client:
    given = {"Traceparent": "of-the-program", "X-Own": "1"}
    client.messages.create(**ask, extra_headers=given)
    with tracer_provider.get_tracer("program").start_as_current_span("job"):
        client.messages.create(**ask)

    class Odd(type(propagate.get_global_textmap())):
        def inject(self, carrier, context=None, **options):
            span = trace.get_current_span(context).get_span_context()
            carrier["x-odd"] = format(span.span_id, "016x")

    propagate.set_global_textmap(Odd([]))
    client.messages.create(**ask)
print(signed, given, tollbook.flush(10).delivered)
"""


def test_the_trace_context_is_not_signed_and_takes_the_programs_propagator(
    run_python: Any, provider: Any, collector: Any
) -> None:
    ended = run_python(SIGNED)

    ours = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}" for span in collector.spans]
    assert ended.stderr == ""
    assert ended.stdout.strip() == "[False] {'Traceparent': 'of-the-program', 'X-Own': '1'} 4"
    assert [headers["traceparent"][:-3] for headers in provider.headers[:3]] == ours[:3]
    assert "traceparent" not in provider.headers[3]
    assert provider.headers[1]["x-own"] == "1"
    assert collector.spans[2].parent_span_id != b""
    assert provider.headers[3]["x-odd"] == collector.spans[3].span_id.hex()


def test_without_a_tracer_provider_requests_are_as_they_would_be_without_us(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    anthropic_client.messages.create(**CREATE)

    assert len(delivered()) == 1
    assert "traceparent" not in provider.headers[0]


def test_a_remote_parent_is_the_spans_and_is_passed_on_as_it_would_be_without_us(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    parent = NonRecordingSpan(SpanContext(7, 9, True, TraceFlags(1)))

    with use_span(parent):
        anthropic_client.messages.create(**CREATE)

    (span,) = delivered()
    assert span.parent_span_id == (9).to_bytes(8, "big")
    assert provider.headers[0]["traceparent"] == f"00-{7:032x}-{9:016x}-01"


def test_the_conversation_of_a_client_is_the_spans(
    anthropic_client: anthropic.Anthropic, delivered: Delivered
) -> None:
    client = anthropic_client.with_options(open_telemetry={"conversation_id": "conversation-1"})

    client.messages.create(**CREATE)

    assert delivered()[0].attributes["gen_ai.conversation.id"] == "conversation-1"


def test_the_client_for_vertex_is_of_that_provider(provider: Any, delivered: Delivered) -> None:
    with anthropic.AnthropicVertex(
        region="global", project_id="p", access_token="t", base_url=provider.url, max_retries=0
    ) as client:
        client.messages.create(**CREATE)

    (span,) = delivered()
    assert span.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert span.attributes["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert span.attributes["gen_ai.request.model"] == "claude-sonnet-4-6"


async def test_the_async_client_for_foundry_is_of_that_provider(
    provider: Any, delivered: Delivered
) -> None:
    async with anthropic.AsyncAnthropicFoundry(api_key="k", base_url=provider.url) as client:
        await client.messages.create(**CREATE)

    (span,) = delivered()
    assert span.attributes["gen_ai.provider.name"] == "azure.ai.inference"


def test_searches_and_the_tier_that_served_are_recorded(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    usage = {**MESSAGES_USAGE, "service_tier": "batch"}
    usage["server_tool_use"] = {"web_search_requests": 3, "web_fetch_requests": 0}
    provider.answers["messages"] = messages_answer(usage)

    anthropic_client.messages.create(**CREATE)

    said = delivered()[0].attributes
    assert said["tollbook.usage.web_search_requests"] == 3
    assert said["anthropic.response.service_tier"] == "batch"
    # The batch tier has half the rates for tokens: 0.0049104 / 2; a search costs 0.01 in any.
    assert said["tollbook.cost_usd"] == "0.0324552"


FAST_MODEL = "claude-opus-4-8"
FAST_USAGE = {**MESSAGES_USAGE, "service_tier": "standard", "speed": "fast"}
# Its fast tier, USD for a million tokens: 10 input, 1 read from the cache, 12.5 written for five
# minutes and 20 for an hour, 50 output:
# 211 * 0.00001 + 1013 * 0.000001 + 206 * 0.0000125 + 101 * 0.00002 + 173 * 0.00005
FAST_COST_USD = "0.016368"


def test_a_fast_answer_says_that_tier_and_costs_its_rates(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    provider.answers["messages"] = {**messages_answer(FAST_USAGE), "model": FAST_MODEL}

    anthropic_client.messages.create(
        **{**CREATE, "model": FAST_MODEL}, extra_body={"speed": "fast"}
    )

    said = delivered()[0].attributes
    assert provider.bodies[0]["speed"] == "fast"
    assert said["anthropic.response.service_tier"] == "fast"
    assert said["tollbook.cost_usd"] == FAST_COST_USD
    assert said["tollbook.price_id"].startswith(f"anthropic/{FAST_MODEL}/fast/")


def test_a_fast_stream_says_that_tier_and_costs_its_rates(wire: Any, delivered: Delivered) -> None:
    (_, start), *later = messages_events()
    start["message"] |= {"model": FAST_MODEL, "usage": {**FAST_USAGE, "output_tokens": 2}}
    wire.stream(
        [
            f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()
            for kind, event in [("message_start", start), *later]
        ]
    )

    with anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as client:
        list(client.messages.create(**{**CREATE, "model": FAST_MODEL}, stream=True))

    said = delivered()[0].attributes
    assert said["anthropic.response.service_tier"] == "fast"
    assert said["tollbook.cost_usd"] == FAST_COST_USD


def test_the_librarys_retries_are_one_span(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    provider.statuses = [529]

    anthropic_client.with_options(max_retries=1).messages.create(**CREATE)

    (span,) = delivered()
    assert len(provider.bodies) == 2
    assert_message(span)
    assert span.status_code == 0
    assert span.attributes["http.request.resend_count"] == 1


def test_another_model_is_asked_where_a_limit_says_so(
    anthropic_client: anthropic.Anthropic, provider: Any, delivered: Delivered
) -> None:
    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="claude-haiku-4-5"):
        for _ in range(2):
            anthropic_client.messages.create(**CREATE)

    first, second = delivered()
    assert [body["model"] for body in provider.bodies] == ["claude-sonnet-4-6", "claude-haiku-4-5"]
    assert_message(first)
    assert second.attributes["gen_ai.request.model"] == "claude-haiku-4-5"
