"""OpenAI's Responses over a WebSocket: each response is a call, with limits as any other."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from websockets.sync.server import serve

import tollbook

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
USAGE = {
    "input_tokens": 1307,
    "input_tokens_details": {"cached_tokens": 1033},
    "output_tokens": 163,
    "output_tokens_details": {"reasoning_tokens": 71},
    "total_tokens": 1470,
}
pytestmark = pytest.mark.filterwarnings("ignore:connect")  # of websockets, about openai's use of it


def response(name: str, status: str) -> dict[str, Any]:
    said = {"id": name, "object": "response", "created_at": 1760000000, "status": status}
    usage = None if status == "in_progress" else USAGE
    return {**said, "model": "gpt-4o-2024-08-06", "output": [], "tools": [], "usage": usage}


def begun(name: str, **more: Any) -> dict[str, Any]:
    event = {"type": "response.created", "sequence_number": 0}
    return {**event, "response": response(name, "in_progress"), **more}


def done(name: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    event = {"type": f"response.{status}", "sequence_number": 2}
    return {**event, "response": response(name, status), **more}


def delta() -> dict[str, Any]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": 1}
    return {"type": "response.output_text.delta", **place, "delta": SECRET, "logprobs": []}


class Socket:
    """A server that answers each message with the next of its answers.

    Attributes:
        answers: Events to send for each message, in order.
        messages: What it was sent.
    """

    def __init__(self) -> None:
        self.answers: list[list[Any]] = []
        self.messages: list[Any] = []
        self._server = serve(self._talk, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def _talk(self, connection: Any) -> None:
        for message in connection:
            self.messages.append(json.loads(message))
            for event in self.answers.pop(0):
                connection.send(json.dumps(event))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def socket() -> Iterator[Socket]:
    server = Socket()
    yield server
    server.close()


@pytest.fixture
def client(socket: Socket) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", websocket_base_url=socket.url) as client:
        yield client


def assert_whole(span: Any, name: str) -> None:
    said = span.attributes
    assert span.name == "chat gpt-4o"
    assert said["openai.api.type"] == "responses"
    assert said["gen_ai.request.stream"] is True
    assert said["gen_ai.response.id"] == name
    assert said["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert said["gen_ai.usage.input_tokens"] == 1307
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1033
    assert said["gen_ai.usage.output_tokens"] == 163
    # 274 * 0.0000025 + 1033 * 0.00000125 + 163 * 0.00001
    assert said["tollbook.cost_usd"] == "0.00360625"
    assert "tollbook.usage.complete" not in said
    assert said["gen_ai.response.time_to_first_chunk"] > 0
    assert said["server.address"] == "127.0.0.1"


def test_each_response_of_a_connection_is_a_call(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    socket.answers = [[begun("r-1"), delta(), done("r-1")], [begun("r-2"), done("r-2")]]

    with client.responses.connect() as connection:
        with tollbook.tags(feature="chat"):
            connection.response.create(model="gpt-4o", input=SECRET)
        events = [connection.recv() for _ in range(3)]
        connection.send({"type": "response.create", "model": "gpt-4o", "input": SECRET})
        events += [connection.recv() for _ in range(2)]

    first, second = delivered()
    assert [event.type for event in events[:2]] == [
        "response.created",
        "response.output_text.delta",
    ]
    assert_whole(first, "r-1")
    assert_whole(second, "r-2")
    assert first.attributes["tollbook.tags.feature"] == "chat"
    assert "tollbook.tags.feature" not in second.attributes
    assert SECRET not in repr([first, second])


async def test_each_response_of_an_async_connection_is_a_call(
    socket: Socket, delivered: Delivered
) -> None:
    socket.answers = [[begun("r-1"), done("r-1")]]
    client = openai.AsyncOpenAI(api_key="k", websocket_base_url=socket.url)

    async with client, client.responses.connect() as connection:
        await connection.response.create(model="gpt-4o", input="hi")
        for _ in range(2):
            await connection.recv()

    (span,) = delivered()
    assert_whole(span, "r-1")


def test_responses_under_way_at_once_are_told_apart(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    late = [begun("r-b", stream_id="b"), begun("r-a", stream_id="a")]
    socket.answers = [[], [*late, done("r-a", stream_id="a"), done("r-b", stream_id="b")]]

    with client.responses.connect() as connection:
        for stream in ("a", "b"):
            with tollbook.tags(stream=stream):
                connection.response.create(model="gpt-4o", input="hi", stream_id=stream)
        for _ in range(4):
            connection.recv()

    spans = delivered()
    named = {span.attributes["gen_ai.response.id"]: span.attributes for span in spans}
    assert named["r-a"]["tollbook.tags.stream"] == "a"
    assert named["r-b"]["tollbook.tags.stream"] == "b"


def test_a_lane_of_a_session_is_metered_too(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    sessions = pytest.importorskip("openai.lib.responses_websocket")
    limits = sessions.ResponsesWebSocketLimits(
        max_lanes=2,
        max_events_per_lane=16,
        max_events=16,
        max_bytes_per_lane=2**20,
        max_bytes=2**20,
        max_response_bytes=None,
    )
    socket.answers = [[begun("r-1", stream_id="one"), done("r-1", stream_id="one")]]

    with (
        client.responses.connect() as connection,
        sessions.ResponsesWebSocketSession(connection, limits=limits) as session,
    ):
        lane = session.lane("one")
        lane.send({"type": "response.create", "model": "gpt-4o", "input": "hi"})
        answer = lane.get_final_response(timeout=60)

    (span,) = delivered()
    assert answer.id == span.attributes["gen_ai.response.id"] == "r-1"
    assert span.attributes["gen_ai.usage.output_tokens"] == 163


def test_a_connection_that_is_closed_early_records_what_was_seen(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    socket.answers = [[begun("r-1"), delta()]]

    with client.responses.connect() as connection:
        connection.response.create(model="gpt-4o", input="hi")
        for _ in range(2):
            connection.recv()

    (span,) = delivered()
    assert span.attributes["gen_ai.response.id"] == "r-1"
    assert span.attributes["tollbook.usage.complete"] is False
    assert "gen_ai.usage.input_tokens" not in span.attributes


def test_a_response_beyond_the_limit_of_a_connection_ends_the_record_of_the_oldest(
    socket: Socket,
    client: openai.OpenAI,
    delivered: Delivered,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tollbook.clients.responses_socket.WAITING_MAX", 1)
    socket.answers = [[], [begun("r-1")], [begun("r-2"), done("r-2")]]

    with client.responses.connect() as connection:
        for _ in range(2):  # the first is not answered
            connection.response.create(model="gpt-4o", input="hi")
        connection.recv()
        connection.response.create(model="gpt-4o", input="hi")
        for _ in range(2):
            connection.recv()
        spans = delivered()

    whole = {
        span.attributes.get("gen_ai.response.id"): "tollbook.usage.complete" not in span.attributes
        for span in spans
    }
    assert whole == {None: False, "r-1": False, "r-2": True}


def test_an_error_of_a_connection_is_that_of_the_response_that_was_asked_for(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    error = {"type": "invalid_request_error", "code": "model_not_found", "message": SECRET}
    failed = done("r-2", "failed")
    failed["response"] |= {"error": {"code": "server_error", "message": SECRET}}
    socket.answers = [
        [{"type": "error", "status": 400, "error": error}],
        [begun("r-2"), failed],
    ]

    with client.responses.connect() as connection:
        for count in (1, 2):
            connection.response.create(model="gpt-4o", input="hi")
            for _ in range(count):
                connection.recv()

    refused, broken = delivered()
    assert refused.attributes["error.type"] == "model_not_found"
    assert refused.status_code == 2
    assert broken.attributes["error.type"] == "server_error"
    assert broken.attributes["gen_ai.usage.output_tokens"] == 163
    assert SECRET not in repr([refused, broken])


def test_the_response_that_would_cross_the_budget_is_not_asked_for(
    socket: Socket, client: openai.OpenAI, delivered: Delivered
) -> None:
    socket.answers = [[begun("r-1"), done("r-1")], [begun("r-2"), done("r-2")]]

    with client.responses.connect() as connection, tollbook.budget(calls=1):
        connection.response.create(model="gpt-4o", input="hi")
        for _ in range(2):
            connection.recv()
        with pytest.raises(tollbook.BudgetExceeded):
            connection.response.create(model="gpt-4o", input="hi")

    with client.responses.connect() as connection:
        connection.response.create(model="gpt-4o", input="hi")
        for _ in range(2):
            connection.recv()

    answered, refused, last = delivered()
    assert len(socket.messages) == 2
    assert_whole(answered, "r-1")
    assert refused.attributes["error.type"] == "BudgetExceeded"
    assert_whole(last, "r-2")
