"""Usage that comes after the call: batches, answers made in the background, realtime responses."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from waiting import wait_until
from websockets.sync.server import serve

import tollbook

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
USAGE: Any = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 0},
}


@pytest.fixture
def client(wire: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        yield client


def batch_line(number: int, status: int = 200) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": SECRET}}
    body: Any = {"id": f"chatcmpl-{number}", "object": "chat.completion", "model": "gpt-4o"}
    body |= {"choices": [{**choice, "finish_reason": "stop"}], "usage": USAGE}
    body = body if status == 200 else {"error": {"message": SECRET}}
    response = {"status_code": status, "request_id": f"r-{number}", "body": body}
    return {"id": f"b-{number}", "custom_id": f"c-{number}", "response": response, "error": None}


def lines(*values: Any) -> list[bytes]:
    return ["".join(json.dumps(value) + "\n" for value in values).encode()]


def test_each_line_of_a_batchs_output_is_a_call_at_the_price_of_a_batch(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.stream(lines(batch_line(1), batch_line(2), batch_line(3, 429)), "application/octet-stream")

    said = client.files.content("file-1")

    first, second, failed = delivered()
    assert len(said.text.splitlines()) == 3
    assert first.attributes["gen_ai.operation.name"] == "chat"
    assert first.attributes["gen_ai.response.id"] == "chatcmpl-1"
    assert second.attributes["gen_ai.response.id"] == "chatcmpl-2"
    assert first.attributes["gen_ai.usage.input_tokens"] == 1000
    # half of 2.50 and 10 USD for a million tokens: 1000 * 0.00000125 + 100 * 0.000005
    assert first.attributes["tollbook.cost_usd"] == "0.00175"
    assert failed.attributes["error.type"] == "429"
    assert SECRET not in repr(delivered())


def test_a_batchs_output_that_is_read_twice_is_billed_once(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.stream(lines(batch_line(1)), "application/octet-stream")

    for _ in range(2):
        client.files.content("file-2")

    assert len(delivered()) == 1


async def test_a_batch_is_metered_by_the_async_client_too(wire: Any, delivered: Delivered) -> None:
    wire.stream(lines(batch_line(1)), "application/octet-stream")

    async with openai.AsyncOpenAI(api_key="k", base_url=wire.url) as client:
        await client.files.content("file-3")

    assert len(delivered()) == 1


def test_all_lines_of_a_large_batch_arrive(
    client: openai.OpenAI, wire: Any, collector: Any
) -> None:
    wire.stream(lines(*map(batch_line, range(3000))), "application/octet-stream")

    client.files.content("file-4")

    wait_until(lambda: bool(tollbook.flush(10.0)) and len(collector.spans) == 3000)
    ids = {span.attributes["gen_ai.response.id"] for span in collector.spans}
    assert len(ids) == 3000
    assert sum(tollbook.flush(10.0).lost.values()) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"prompt": "x"}\n', b"{not json}\n"])
def test_another_file_is_no_batch(
    content: bytes, client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.stream([content] if content else [], "application/octet-stream")

    assert client.files.content("file-5").content == content

    assert delivered() == []


def response(status: str, name: str, usage: Any = None, background: bool = True) -> dict[str, Any]:
    return {
        "id": name,
        "object": "response",
        "created_at": 1760000000,
        "completed_at": 1760000090 if usage else None,
        "status": status,
        "background": background,
        "model": "gpt-4o",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


RESPONSE_USAGE: Any = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 100,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 1100,
}


def test_an_answer_made_in_the_background_is_billed_once_when_it_is_there(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    for said in (
        response("queued", "resp_b1"),
        response("in_progress", "resp_b1"),
        response("completed", "resp_b1", RESPONSE_USAGE),
    ):
        wire.say(said)

    client.responses.create(model="gpt-4o", input=SECRET, background=True)
    for _ in range(3):
        client.responses.retrieve("resp_b1")

    asked, answered = delivered()
    assert asked.attributes["gen_ai.operation.name"] == "create_response"
    assert "tollbook.cost_usd" not in asked.attributes
    assert answered.attributes["gen_ai.operation.name"] == "chat"
    assert answered.attributes["gen_ai.response.id"] == "resp_b1"
    # 2.50 and 10 USD for a million tokens: 1000 * 0.0000025 + 100 * 0.00001
    assert answered.attributes["tollbook.cost_usd"] == "0.0035"
    assert answered.start_time_ns == 1760000000 * 10**9
    assert 90 <= (answered.end_time_ns - answered.start_time_ns) / 1e9 < 100


def test_an_answer_that_is_only_read_again_is_not_billed_again(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say(response("completed", "resp_b2", RESPONSE_USAGE, background=False))

    client.responses.retrieve("resp_b2")

    assert delivered() == []


MESSAGE: Any = {
    "id": "msg_b1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": SECRET}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1000, "output_tokens": 100, "service_tier": "batch"},
}


def say_results(wire: Any, name: str) -> None:
    """Answer the question for a batch, then with its results, then the same again."""
    batch = {"id": "batch-1", "type": "message_batch", "processing_status": "ended"}
    for _ in range(2):
        wire.say({**batch, "results_url": f"{wire.url}/v1/messages/batches/batch-1/results"})
        wire.stream(results(name), "application/x-jsonl")


def results(name: str) -> list[bytes]:
    good = {"type": "succeeded", "message": {**MESSAGE, "id": name}}
    bad = {"type": "errored", "error": {"type": "error", "error": {"type": "x", "message": "m"}}}
    return lines({"custom_id": "a", "result": good}, {"custom_id": "b", "result": bad})


def test_each_result_of_a_batch_of_messages_is_a_call_at_the_price_of_a_batch(
    wire: Any, delivered: Delivered
) -> None:
    say_results(wire, "msg_b1")
    with anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as client:
        for _ in range(2):  # once is billed
            assert len(list(client.messages.batches.results("batch-1"))) == 2

    (span,) = delivered()
    assert span.attributes["gen_ai.provider.name"] == "anthropic"
    assert span.attributes["gen_ai.response.id"] == "msg_b1"
    # half of 3 and 15 USD for a million tokens: 1000 * 0.0000015 + 100 * 0.0000075
    assert span.attributes["tollbook.cost_usd"] == "0.00225"
    assert SECRET not in repr(span)


async def test_a_batch_of_messages_is_metered_by_the_async_client_too(
    wire: Any, delivered: Delivered
) -> None:
    say_results(wire, "msg_b2")
    async with anthropic.AsyncAnthropic(api_key="k", base_url=wire.url) as client:
        found = await client.messages.batches.results("batch-2")
        assert [line.custom_id async for line in found] == ["a", "b"]

    (span,) = delivered()
    assert span.attributes["gen_ai.response.id"] == "msg_b2"


REALTIME_USAGE: Any = {
    "total_tokens": 250,
    "input_tokens": 150,
    "output_tokens": 100,
    "input_token_details": {
        "cached_tokens": 64,
        "text_tokens": 30,
        "audio_tokens": 120,
        "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 54},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
}
TRANSCRIBED: Any = {
    "type": "conversation.item.input_audio_transcription.completed",
    "event_id": "e-4",
    "item_id": "i-1",
    "content_index": 0,
    "transcript": SECRET,
    "usage": {"type": "duration", "seconds": 7},
}


def realtime_events() -> list[Any]:
    transcription = {"model": "whisper-1"}
    session = {"type": "realtime", "model": "gpt-realtime"}
    session["audio"] = {"input": {"transcription": transcription}}
    done = {"id": "resp_r1", "object": "realtime.response", "status": "completed", "output": []}
    return [
        {"type": "session.created", "event_id": "e-1", "session": session},
        {"type": "response.created", "event_id": "e-2", "response": {"id": "resp_r1"}},
        {
            "type": "response.done",
            "event_id": "e-3",
            "response": {**done, "output_modalities": ["audio"], "usage": REALTIME_USAGE},
        },
        TRANSCRIBED,
    ]


def live_events() -> list[Any]:
    session = {"id": "live_1", "model": "gpt-live", "type": "live"}
    usage = {"input_tokens": 30, "output_tokens": 7, "total_tokens": 37}
    response = {"id": "resp_l1", "model": "gpt-5-mini", "status": "completed", "usage": usage}
    decision = {"id": "dec_1", "model": "gpt-6-luna", "answers": [], "usage": usage}
    seconds = {"usage": {"seconds": 12.5}}
    return [
        {"type": "session.started", "event_id": "e-1", "session": session},
        {
            "type": "response.event",
            "event_id": "e-2",
            "event": {"type": "response.completed", "response": response},
        },
        {
            "type": "decision.event",
            "event_id": "e-3",
            "event": {"type": "decision.completed", "decision": decision},
        },
        {"type": "session.usage.updated", "event_id": "e-4", **seconds},
        {"type": "session.closed", "event_id": "e-5", "session": session, **seconds},
    ]


@pytest.fixture
def realtime_url() -> Iterator[str]:
    def answer(connection: Any) -> None:
        live = "/live" in connection.request.path
        for event in live_events() if live else realtime_events():
            connection.send(json.dumps(event))
        for _ in connection:
            pass

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def assert_realtime(spans: list[Any]) -> None:
    spoken, written = spans
    said = spoken.attributes
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == "gpt-realtime"
    assert said["gen_ai.response.id"] == "resp_r1"
    assert said["openai.api.type"] == "realtime"
    assert said["gen_ai.output.type"] == "speech"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.usage.input_tokens"] == 150
    assert said["gen_ai.usage.cache_read.input_tokens"] == 64
    assert said["gen_ai.usage.audio.input_tokens"] == 120 - 54
    assert said["gen_ai.usage.audio.output_tokens"] == 80
    # USD for a million tokens: 4 text, 32 audio, 0.40 read from the cache, 16 and 64 of output:
    # 20 * 0.000004 + 66 * 0.000032 + 64 * 0.0000004 + 20 * 0.000016 + 80 * 0.000064
    assert said["tollbook.cost_usd"] == "0.0076576"
    assert written.attributes["gen_ai.request.model"] == "whisper-1"
    assert written.attributes["tollbook.usage.input_audio_seconds"] == 7.0
    assert SECRET not in repr(spans)


@pytest.mark.filterwarnings("ignore:connect")  # of websockets, about openai's use of it
def test_each_response_of_a_realtime_connection_is_a_call(
    realtime_url: str, delivered: Delivered
) -> None:
    client = openai.OpenAI(api_key="k", websocket_base_url=realtime_url)
    with client, client.realtime.connect(model="gpt-realtime") as connection:
        for _ in range(4):
            connection.recv()

    assert_realtime(delivered())


async def test_each_response_of_an_async_realtime_connection_is_a_call(
    realtime_url: str, delivered: Delivered
) -> None:
    client = openai.AsyncOpenAI(api_key="k", websocket_base_url=realtime_url)
    async with client, client.realtime.connect(model="gpt-realtime") as connection:
        for _ in range(4):
            await connection.recv()

    assert_realtime(delivered())


@pytest.mark.filterwarnings("ignore:connect")  # of websockets, about openai's use of it
def test_a_live_session_is_billed_by_its_seconds_and_what_it_has_others_answer(
    realtime_url: str, delivered: Delivered
) -> None:
    client = openai.OpenAI(api_key="k", websocket_base_url=realtime_url)
    with client, client.live.connect() as connection:
        for _ in range(5):
            connection.recv()

    delegated, decided, sound = delivered()
    assert delegated.attributes["gen_ai.response.id"] == "resp_l1"
    assert delegated.attributes["gen_ai.request.model"] == "gpt-5-mini"
    assert delegated.attributes["gen_ai.usage.output_tokens"] == 7
    assert decided.attributes["gen_ai.response.id"] == "dec_1"
    assert decided.attributes["gen_ai.usage.input_tokens"] == 30
    assert sound.attributes["gen_ai.request.model"] == "gpt-live"
    assert sound.attributes["tollbook.usage.input_audio_seconds"] == 12.5


@pytest.mark.parametrize("how", ["raw", "streamed"])
def test_a_batchs_output_that_is_read_as_a_raw_response_is_metered(
    how: str, client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.stream(lines(batch_line(1), batch_line(2)), "application/octet-stream")

    if how == "raw":
        content = client.files.with_raw_response.content("file-raw").parse().content
    else:
        with client.files.with_streaming_response.content("file-streamed") as response:
            content = b"".join(response.iter_bytes())

    first, second = delivered()
    assert len(content.splitlines()) == 2
    assert first.attributes["tollbook.cost_usd"] == "0.00175"
    assert second.attributes["gen_ai.response.id"] == "chatcmpl-2"


def test_a_batchs_output_of_which_a_part_is_read_is_not_metered_and_counted(
    client: openai.OpenAI, wire: Any, collector: Any
) -> None:
    wire.stream(lines(batch_line(1), batch_line(2)) * 2, "application/octet-stream")

    with client.files.with_streaming_response.content("file-part") as response:
        next(response.iter_bytes(10))

    flushed = tollbook.flush(10)
    assert flushed.delivered == 0
    assert flushed.lost["body_dropped"] == 1


@pytest.mark.parametrize("how", ["raw", "streamed"])
async def test_a_batch_of_messages_that_is_read_as_a_raw_response_is_metered(
    how: str, wire: Any, delivered: Delivered
) -> None:
    say_results(wire, f"msg_{how}")

    async with anthropic.AsyncAnthropic(api_key="k", base_url=wire.url) as client:
        batches: Any = client.messages.batches
        if how == "raw":
            raw = await batches.with_raw_response.results("batch-1")
            read: list[Any] = [line async for line in await raw.parse()]
        else:
            async with batches.with_streaming_response.results("batch-1") as response:
                read = [line async for line in response.iter_lines()]

    (span,) = delivered()
    assert len(read) == 2
    assert span.attributes["gen_ai.response.id"] == f"msg_{how}"
    assert span.attributes["tollbook.cost_usd"] == "0.00225"
