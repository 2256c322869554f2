"""Calls through the real xAI library, against a gRPC server on loopback."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

xai_sdk = pytest.importorskip("xai_sdk")
grpc = pytest.importorskip("grpc")
from opentelemetry.trace import NoOpTracer
from xai_sdk.chat import user
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, usage_pb2

from tollbook.clients.xai import QuietTracer
from tollbook.process import PROCESS

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
# The completion is without the reasoning; 20,700,000 ticks are 0.00207 USD.
USAGE: Any = {
    "prompt_tokens": 1207,
    "completion_tokens": 153,
    "reasoning_tokens": 67,
    "total_tokens": 1427,
    "cached_prompt_text_tokens": 1031,
    "cost_in_usd_ticks": 20700000,
}


class Service(chat_pb2_grpc.ChatServicer):
    """Answers chats; with a status it refuses them."""

    status: Any = None
    refusals = 0  # that come before the first answer
    asked = 0

    def GetCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.asked += 1
        if self.asked <= self.refusals:
            context.abort(grpc.StatusCode.UNAVAILABLE, SECRET)
        if self.status is not None:
            context.abort(self.status, SECRET)
        message = chat_pb2.CompletionMessage(role="ROLE_ASSISTANT", content=SECRET)
        output = chat_pb2.CompletionOutput(finish_reason="REASON_STOP", message=message)
        usage = usage_pb2.SamplingUsage(**USAGE)
        return chat_pb2.GetChatCompletionResponse(
            id="c-1", model="grok-4-001", outputs=[output], usage=usage
        )

    def GetCompletionChunk(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.status is not None:
            context.abort(self.status, SECRET)
        for count in (1, 2, 153):
            reason = "REASON_STOP" if count == 153 else None
            delta = chat_pb2.Delta(content="x")
            output = chat_pb2.CompletionOutputChunk(delta=delta, finish_reason=reason)
            usage = usage_pb2.SamplingUsage(**{**USAGE, "completion_tokens": count})
            yield chat_pb2.GetChatCompletionChunk(
                id="c-1", model="grok-4-001", outputs=[output], usage=usage
            )


@pytest.fixture
def service() -> Iterator[Any]:
    service = Service()
    server = grpc.server(ThreadPoolExecutor(2))
    chat_pb2_grpc.add_ChatServicer_to_server(service, server)
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield service
    server.stop(None).wait()


@pytest.fixture
def chat(service: Any) -> Iterator[Any]:
    client = xai_sdk.Client(api_key="k", api_host=service.address, use_insecure_channel=True)
    yield client.chat.create(model="grok-4", messages=[user(SECRET)], max_tokens=256)
    client.close()


@pytest.fixture
async def async_chat(service: Any) -> Any:
    client = xai_sdk.AsyncClient(api_key="k", api_host=service.address, use_insecure_channel=True)
    yield client.chat.create(model="grok-4", messages=[user(SECRET)], max_tokens=256)
    await client.close()


def assert_chat(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "chat grok-4"
    assert said["gen_ai.provider.name"] == "x_ai"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.response.id"] == "c-1"
    assert said["gen_ai.response.model"] == "grok-4-001"
    assert said["gen_ai.response.finish_reasons"] == ["REASON_STOP"]
    assert said["gen_ai.usage.input_tokens"] == 1207
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1031
    assert said["gen_ai.usage.output_tokens"] == 153 + 67
    assert said["tollbook.cost_usd"] == "0.00207"
    assert said["gen_ai.usage.cost.source"] == "provider"
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_chat_is_one_span(chat: Any, delivered: Delivered) -> None:
    said = chat.sample()

    (span,) = delivered()
    assert said.content == SECRET
    assert_chat(span)


async def test_an_async_chat_is_one_span(async_chat: Any, delivered: Delivered) -> None:
    await async_chat.sample()

    (span,) = delivered()
    assert_chat(span)


def test_a_stream_is_one_span(chat: Any, delivered: Delivered) -> None:
    got = list(chat.stream())

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span, streamed=True)
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0


async def test_an_async_stream_is_one_span(async_chat: Any, delivered: Delivered) -> None:
    got = [pair async for pair in async_chat.stream()]

    (span,) = delivered()
    assert len(got) == 3
    assert_chat(span, streamed=True)


def test_a_stream_that_is_closed_early_says_that_it_is_not_all(
    chat: Any, delivered: Delivered
) -> None:
    stream = chat.stream()
    next(stream)

    stream.close()

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False


@pytest.mark.filterwarnings("ignore:chat.sample_batch:PendingDeprecationWarning")
def test_a_batch_of_answers_is_one_span(chat: Any, delivered: Delivered) -> None:
    chat.sample_batch(2)

    (span,) = delivered()
    assert_chat(span)


class Forbidden:
    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the library's own span has the same call")


def test_the_librarys_own_tracing_does_not_record_the_call_again(
    chat: Any, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = QuietTracer(Forbidden(), NoOpTracer(), PROCESS)
    monkeypatch.setattr(xai_sdk.sync.chat, "tracer", quiet)

    chat.sample()

    assert len(delivered()) == 1
    monkeypatch.setattr(PROCESS, "exporter", None)
    with pytest.raises(AssertionError, match="own span"):
        chat.sample()


def test_what_grpc_sends_again_by_itself_is_one_span(
    chat: Any, service: Any, delivered: Delivered
) -> None:
    service.refusals = 1

    chat.sample()

    (span,) = delivered()
    assert service.asked == 2
    assert_chat(span)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    streamed: bool, chat: Any, service: Any, delivered: Delivered
) -> None:
    service.status = grpc.StatusCode.RESOURCE_EXHAUSTED

    with pytest.raises(grpc.RpcError):
        list(chat.stream()) if streamed else chat.sample()

    (span,) = delivered()
    assert span.status_code == 2
    assert SECRET not in repr(span)
