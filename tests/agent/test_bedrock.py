"""Calls through the real boto3, against a server that speaks Bedrock's protocol."""

import base64
import gc
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import tollbook

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore")

# The library leaves the socket of a dropped stream open, with and without us.
left_open = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)
# And in a cycle: it is collected before the next test, which would be blamed for it.
collected = pytest.mark.usefixtures("_collected")
Delivered = Callable[[], list[Any]]


@pytest.fixture
def _collected() -> Iterator[None]:
    yield
    gc.collect()


SECRET = "a-word-that-must-not-leave"
MODEL = "us.anthropic.claude-sonnet-4-6"
EVENT_STREAM = "application/vnd.amazon.eventstream"
# Numbers are all different; the input is without what was read from or written to the cache.
USAGE: Any = {
    "inputTokens": 211,
    "outputTokens": 173,
    "totalTokens": 1704,
    "cacheReadInputTokens": 1013,
    "cacheWriteInputTokens": 307,
    "cacheDetails": [{"ttl": "5m", "inputTokens": 206}, {"ttl": "1h", "inputTokens": 101}],
}
# Of a region, USD for a million tokens: 3.30 input, 0.33 read from the cache, 4.125 written for
# five minutes and 6.60 for an hour, 16.50 output:
# 211 * 0.0000033 + 1013 * 0.00000033 + 206 * 0.000004125 + 101 * 0.0000066 + 173 * 0.0000165
COST_USD = "0.00540144"
NATIVE_USAGE: Any = {
    "input_tokens": 211,
    "output_tokens": 173,
    "cache_read_input_tokens": 1013,
    "cache_creation_input_tokens": 307,
    "cache_creation": {"ephemeral_5m_input_tokens": 206, "ephemeral_1h_input_tokens": 101},
}
COUNTS = {
    "x_amzn_bedrock_input_token_count": "211",
    "x_amzn_bedrock_output_token_count": "173",
    "x_amzn_bedrock_cache_read_input_token_count": "1013",
    "x_amzn_bedrock_cache_write_input_token_count": "307",
    "x_amzn_requestid": "request-1",
}
ASK: Any = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": SECRET}]}],
    "inferenceConfig": {"maxTokens": 256, "temperature": 0.5, "topP": 0.9},
}
CONVERSE: Any = {
    "output": {"message": {"role": "assistant", "content": [{"text": SECRET}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 5},
    "serviceTier": {"type": "flex"},
}
NATIVE: Any = {
    "id": "msg_1",
    "type": "message",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": SECRET}],
    "stop_reason": "end_turn",
    "usage": NATIVE_USAGE,
}
BODY = json.dumps({"max_tokens": 256, "messages": []})


def message(kind: str, payload: Any, name: str = ":event-type") -> bytes:
    """Return a message of the event-stream encoding."""
    said = {name: kind, ":content-type": "application/json"}
    said[":message-type"] = "event" if name == ":event-type" else "exception"
    headers = b"".join(
        bytes((len(key),)) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in said.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    content = prelude + headers + body
    return content + struct.pack(">I", zlib.crc32(content))


def chunk(event: Any) -> bytes:
    return message("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()})


def converse_events() -> list[bytes]:
    text = {"contentBlockIndex": 0, "delta": {"text": SECRET}}
    return [
        message("messageStart", {"role": "assistant"}),
        message("contentBlockDelta", text),
        message("contentBlockDelta", text),
        message("messageStop", {"stopReason": "end_turn"}),
        message("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
    ]


def native_events() -> list[bytes]:
    start = {**NATIVE, "usage": {**NATIVE_USAGE, "output_tokens": 2}, "stop_reason": None}
    metrics = {
        "inputTokenCount": 211,
        "outputTokenCount": 173,
        "cacheReadInputTokenCount": 1013,
        "cacheWriteInputTokenCount": 307,
    }
    return [
        chunk({"type": "message_start", "message": start}),
        chunk({"type": "content_block_delta", "index": 0, "delta": {"text": SECRET}}),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}),
        chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}),
    ]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=wire.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )
    yield client
    client.close()


def assert_call(span: Any) -> None:
    said = span.attributes
    assert span.name == f"chat {MODEL}"
    assert span.kind == 3
    assert said["gen_ai.provider.name"] == "aws.bedrock"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1013
    assert said["gen_ai.usage.cache_write.input_tokens"] == 307
    assert said["gen_ai.usage.output_tokens"] == 173
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def assert_split(span: Any) -> None:
    assert span.attributes["anthropic.usage.cache_creation.ephemeral_5m_input_tokens"] == 206
    assert span.attributes["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"] == 101
    assert span.attributes["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert span.attributes["tollbook.cost_usd"] == COST_USD


def test_converse_is_one_span_with_inclusive_totals(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(CONVERSE, x_amzn_requestid="request-1")

    said = client.converse(**ASK)

    (span,) = delivered()
    assert said["usage"]["inputTokens"] == 211
    assert_call(span)
    assert_split(span)
    assert span.attributes["gen_ai.response.id"] == "request-1"
    assert span.attributes["gen_ai.request.max_tokens"] == 256
    assert span.attributes["anthropic.response.service_tier"] == "flex"


def test_a_converse_stream_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.stream(converse_events(), EVENT_STREAM)

    stream = client.converse_stream(**ASK)["stream"]
    events = list(stream)

    (span,) = delivered()
    assert type(stream) is botocore.eventstream.EventStream
    assert len(events) == 5
    assert_call(span)
    assert_split(span)
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


def test_a_model_that_is_invoked_is_one_span_by_its_headers_and_its_body(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(NATIVE, **COUNTS)

    answer = client.invoke_model(modelId=MODEL, body=BODY)
    body = json.loads(answer["body"].read())

    (span,) = delivered()
    assert body["id"] == "msg_1"
    assert type(answer["body"]) is botocore.response.StreamingBody
    assert_call(span)
    assert_split(span)


@pytest.mark.parametrize("how", ["pieces", "lines", "with", "exact"])
def test_a_body_is_read_in_every_way(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(NATIVE, **COUNTS)
    body = client.invoke_model(modelId=MODEL, body=BODY)["body"]

    if how == "pieces":
        content = b"".join(body.iter_chunks(7))
    elif how == "lines":
        content = b"\n".join(body.iter_lines())
    elif how == "with":
        with body as raw:
            content = raw.read()
    else:
        content = body.read(len(json.dumps(NATIVE)))

    (span,) = delivered()
    assert json.loads(content) == NATIVE
    assert_call(span)
    assert_split(span)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_body_that_is_not_read_has_the_counts_of_the_headers(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(NATIVE, **COUNTS)
    answer = client.invoke_model(modelId=MODEL, body=BODY)

    if how == "close":
        answer["body"].close()
    else:
        del answer

    (span,) = delivered()
    assert_call(span)
    assert "anthropic.usage.cache_creation.ephemeral_1h_input_tokens" not in span.attributes


def test_a_dropped_body_is_freed_without_waiting_for_the_garbage_collector(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(NATIVE, **COUNTS)
    gc.collect()
    gc.disable()
    try:
        answer = client.invoke_model(modelId=MODEL, body=BODY)
        del answer

        assert len(delivered()) == 1
    finally:
        gc.enable()


def test_a_streamed_model_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.stream(native_events(), EVENT_STREAM)

    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=BODY)
    events = list(answer["body"])

    (span,) = delivered()
    assert len(events) == 4
    assert_call(span)
    assert_split(span)


@collected
@left_open
@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream([*native_events()[:2], None], EVENT_STREAM)
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=BODY)
    events = iter(answer["body"])
    next(events)

    if how == "close":
        answer["body"].close()
    else:
        del answer, events
        gc.collect()  # the library's stream is a cycle

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.usage.input_tokens"] == 211 + 1013 + 307
    assert "tollbook.cost_usd" not in said


@collected
@left_open
def test_an_error_inside_of_a_stream_is_the_calls(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    refused = message("throttlingException", {"message": SECRET}, ":exception-type")
    wire.stream([*converse_events()[:2], refused], EVENT_STREAM)

    with pytest.raises(botocore.exceptions.EventStreamError):
        list(client.converse_stream(**ASK)["stream"])
    gc.collect()  # which closes the stream that the caller left open

    (span,) = delivered()
    assert span.attributes["error.type"] == "throttlingException"
    assert span.attributes["tollbook.usage.complete"] is False


def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"message": SECRET}, 429, x_amzn_errortype="ThrottlingException")

    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(**ASK)

    (span,) = delivered()
    assert span.status_code == 2
    assert span.attributes["error.type"] == "ThrottlingException"
    assert SECRET not in repr(span)


def test_other_models_counts_are_read_from_their_answers(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"generation": "x", "prompt_token_count": 19, "generation_token_count": 23})
    wire.say({"embedding": [0.5], "inputTextTokenCount": 29})

    client.invoke_model(modelId="meta.llama3", body=BODY)["body"].read()
    client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=BODY)["body"].read()

    llama, titan = delivered()
    assert llama.attributes["gen_ai.usage.input_tokens"] == 19
    assert llama.attributes["gen_ai.usage.output_tokens"] == 23
    assert titan.name == "embeddings amazon.titan-embed-text-v2:0"
    assert titan.attributes["gen_ai.usage.input_tokens"] == 29


def test_other_services_of_the_library_are_not_metered(wire: Any, delivered: Delivered) -> None:
    wire.say({})
    client = boto3.client(
        "bedrock",
        region_name="us-east-1",
        endpoint_url=wire.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
    )

    client.list_foundation_models()
    client.close()

    assert delivered() == []


@pytest.fixture
def anthropic_client(wire: Any) -> Iterator[Any]:
    anthropic = pytest.importorskip("anthropic")
    with anthropic.AnthropicBedrock(
        aws_region="us-east-1",
        aws_access_key="k",
        aws_secret_key="s",
        base_url=wire.url,
        max_retries=0,
    ) as client:
        yield client


@pytest.mark.parametrize("streamed", [False, True])
def test_the_anthropic_librarys_client_for_bedrock_is_of_that_provider(
    streamed: bool, anthropic_client: Any, wire: Any, delivered: Delivered
) -> None:
    end = chunk(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": NATIVE_USAGE}
    )
    wire.stream([*native_events()[:2], end], EVENT_STREAM) if streamed else wire.say(NATIVE)
    messages = [{"role": "user", "content": "x"}]

    answer = anthropic_client.messages.create(
        model=MODEL, max_tokens=256, messages=messages, stream=streamed
    )
    if streamed:
        list(answer)

    (span,) = delivered()
    assert wire.requests[0][0].startswith(f"/model/{MODEL}/invoke")
    assert_call(span)
    assert_split(span)


def test_budgets_hold_and_content_leaves_by_choice(
    client: Any, wire: Any, collector: Any, delivered: Delivered
) -> None:
    tollbook.instrument(service="tests", endpoint=collector.url, content=["prompts", "answers"])
    wire.say(CONVERSE)

    with tollbook.budget(calls=1):
        client.converse(**ASK)
        with pytest.raises(tollbook.BudgetExceeded) as raised:
            client.converse(**ASK)

    made, _ = delivered()
    assert raised.value.attempt.input_tokens >= len(SECRET) // 2
    assert SECRET in made.attributes["gen_ai.input.messages"]
    assert SECRET in made.attributes["gen_ai.output.messages"]


def test_the_librarys_retries_are_one_span(
    wire: Any, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    wire.say({"message": SECRET}, 503)
    wire.say(CONVERSE)
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=wire.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=botocore.config.Config(retries={"total_max_attempts": 2}, read_timeout=60),
    )

    client.converse(**ASK)
    client.close()

    (span,) = delivered()
    assert len(wire.requests) == 2
    assert_call(span)
    assert span.status_code == 0
    assert span.attributes["http.request.resend_count"] == 1


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(CONVERSE)
    asked = dict(ASK)

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="another.model"):
        for _ in range(2):
            client.converse(**asked)

    first, second = delivered()
    assert asked == ASK
    assert "another.model" in wire.requests[1][0]
    assert_call(first)
    assert second.attributes["gen_ai.request.model"] == "another.model"
