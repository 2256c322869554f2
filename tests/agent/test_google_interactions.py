"""Interactions and live sessions through the real Google Gen AI library."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from websockets.sync.server import serve

import tollbook
from tollbook.clients.interactions import Interactions
from tollbook.meter import Asked

genai = pytest.importorskip("google.genai")
pytest.importorskip("google.genai._gaos")
# Of the library itself: interactions are an experiment, and aiohttp where it is installed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Interactions usage is experimental", "ignore:Inheritance class:DeprecationWarning"
)

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
# Numbers are all different; the total is the sum of input, tool use, output and thoughts.
USAGE: Any = {
    "total_input_tokens": 1201,
    "total_cached_tokens": 1013,
    "total_output_tokens": 149,
    "total_thought_tokens": 61,
    "total_tool_use_tokens": 17,
    "total_tokens": 1428,
    "input_tokens_by_modality": [
        {"modality": "text", "tokens": 1101},
        {"modality": "audio", "tokens": 100},
    ],
    "cached_tokens_by_modality": [{"modality": "audio", "tokens": 40}],
    "grounding_tool_count": [{"type": "google_search", "count": 2}],
}
CONFIG: Any = {"max_output_tokens": 256, "temperature": 0.5, "seed": 7}
ASK: Any = {"model": "gemini-2.5-flash", "input": SECRET, "generation_config": CONFIG}


def interaction(status: str = "completed", **more: Any) -> dict[str, Any]:
    step = {"type": "model_output", "content": [{"type": "text", "text": SECRET}]}
    said = {"id": "i-1", "object": "interaction", "model": "gemini-2.5-flash", "status": status}
    said |= {"created": "2026-11-21T10:00:00Z", "updated": "2026-11-21T10:00:02Z"}
    over = status not in ("in_progress", "queued")
    return {**said, **({"steps": [step], "usage": USAGE} if over else {}), **more}


def events() -> list[Any]:
    begun = interaction("in_progress")
    text = {"type": "text", "text": SECRET}
    return [
        {"event_type": "interaction.created", "event_id": "1", "interaction": begun},
        {"event_type": "step.start", "event_id": "2", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "event_id": "3", "index": 0, "delta": text},
        {"event_type": "step.stop", "event_id": "4", "index": 0},
        {"event_type": "interaction.completed", "event_id": "5", "interaction": interaction()},
    ]


@pytest.fixture
def client(wire: Any) -> Iterator[Any]:
    client = genai.Client(api_key="k", http_options={"base_url": wire.url})
    yield client
    client.close()


def assert_interaction(span: Any, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "generate_content gemini-2.5-flash"
    assert said["gen_ai.provider.name"] == "gcp.gemini"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.request.seed"] == 7
    assert said["gen_ai.response.id"] == "i-1"
    assert said["gen_ai.response.finish_reasons"] == ["completed"]
    assert said["gen_ai.usage.input_tokens"] == 1201 + 17
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1013
    assert said["gen_ai.usage.audio.input_tokens"] == 100 - 40
    assert said["gen_ai.usage.output_tokens"] == 149 + 61
    assert said["gen_ai.usage.reasoning.output_tokens"] == 61
    assert said["tollbook.usage.web_search_requests"] == 2
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert ("gen_ai.response.time_to_first_chunk" in said) == streamed
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_request_is_decoded_on_the_export_thread(
    client: Any, wire: Any, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def asked(api: Interactions, body: Mapping[str, Any]) -> Asked:
        threads.append(threading.current_thread().name)
        return Asked(body["model"])

    monkeypatch.setattr(Interactions, "asked", asked)
    wire.say(interaction())

    client.interactions.create(**ASK)

    (span,) = delivered()
    assert threads == ["tollbook-export"]
    assert span.attributes["gen_ai.request.model"] == "gemini-2.5-flash"


def test_an_interaction_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.say(interaction())

    said = client.interactions.create(**ASK)

    (span,) = delivered()
    assert said.id == "i-1"
    assert_interaction(span)


async def test_an_async_interaction_is_one_span(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction())

    await client.aio.interactions.create(**ASK)
    await client.aio.aclose()

    (span,) = delivered()
    assert_interaction(span)


def test_a_streamed_interaction_is_one_span(client: Any, wire: Any, delivered: Delivered) -> None:
    wire.events(events(), done=True)

    kinds = [event.event_type for event in client.interactions.create(**ASK, stream=True)]

    (span,) = delivered()
    assert kinds[-1] == "interaction.completed"
    assert_interaction(span, streamed=True)


async def test_an_async_streamed_interaction_is_one_span(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.events(events(), done=True)

    stream = await client.aio.interactions.create(**ASK, stream=True)
    async for _ in stream:
        pass
    await client.aio.aclose()

    (span,) = delivered()
    assert_interaction(span, streamed=True)


def test_a_streamed_interaction_that_is_left_early_says_that_it_is_not_all(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.stream(
        [*(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events()[:3]), None]
    )

    with client.interactions.create(**ASK, stream=True) as stream:
        for event in stream:
            if event.event_type == "step.delta":
                break

    (span,) = delivered()
    assert span.attributes["tollbook.usage.complete"] is False
    assert span.attributes["gen_ai.response.id"] == "i-1"


def test_an_interaction_in_the_background_is_billed_once_when_it_is_read(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction("in_progress"))
    wire.say(interaction("in_progress"))
    wire.say(interaction())

    client.interactions.create(**ASK, background=True)
    states = [client.interactions.get(id="i-1").status for _ in range(3)]

    asked, answered = delivered()
    assert states == ["in_progress", "completed", "completed"]
    assert asked.attributes["gen_ai.operation.name"] == "create_response"
    assert "gen_ai.usage.input_tokens" not in asked.attributes
    assert answered.attributes["gen_ai.operation.name"] == "generate_content"
    assert answered.attributes["gen_ai.usage.input_tokens"] == 1218


def test_an_interaction_that_is_read_again_is_not_billed_again(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction())

    client.interactions.create(**ASK)
    client.interactions.get(id="i-1")

    assert len(delivered()) == 1


def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"code": 400, "message": SECRET, "status": "INVALID_ARGUMENT"}}, 400)

    with pytest.raises(Exception, match=SECRET):
        client.interactions.create(**ASK)

    (span,) = delivered()
    assert span.attributes["error.type"] == "400"
    assert span.status_code == 2
    assert SECRET not in repr(span)


def test_an_interaction_that_fails_has_its_error(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction("failed", errors=[{"code": "internal", "message": SECRET}]))

    client.interactions.create(**ASK)

    (span,) = delivered()
    assert span.attributes["error.type"] == "internal"
    assert span.attributes["gen_ai.usage.output_tokens"] == 210
    assert SECRET not in repr(span)


def test_the_interaction_that_would_cross_the_budget_is_not_made(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction())

    with tollbook.budget(calls=1):
        client.interactions.create(**ASK)
        with pytest.raises(tollbook.BudgetExceeded):
            client.interactions.create(**ASK)

    assert len(wire.requests) == 1
    assert len(delivered()) == 2


def live_messages() -> list[Any]:
    """Return two turns; the usage grows within each, and the second is broken off."""
    usage: Any = {
        "promptTokenCount": 150,
        "responseTokenCount": 40,
        "totalTokenCount": 190,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 30},
            {"modality": "AUDIO", "tokenCount": 120},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
    }
    said = {"modelTurn": {"role": "model", "parts": [{"text": SECRET}]}}
    whole = {**usage, "responseTokenCount": 80, "totalTokenCount": 230}
    whole["responseTokensDetails"] = [{"modality": "AUDIO", "tokenCount": 80}]
    return [
        {"serverContent": said, "usageMetadata": usage},
        {"serverContent": {"turnComplete": True}, "usageMetadata": whole},
        {"serverContent": said, "usageMetadata": usage},
    ]


@pytest.fixture
def live(tmp_path: Any) -> Iterator[dict[str, Any]]:
    """Yield the options of a client of a server that talks live."""
    certificates = pytest.importorskip("certificates")

    def talk(connection: Any) -> None:
        connection.recv()
        connection.send(json.dumps({"setupComplete": {}}))
        for message in live_messages():
            connection.send(json.dumps(message))
        for _ in connection:
            pass

    authority = certificates.Authority(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*authority.pair("localhost"))
    client_side = ssl.create_default_context(cafile=authority.file)
    client_side.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the default of Python 3.13
    with serve(talk, "127.0.0.1", 0, ssl=server_side) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        yield {"base_url": url, "async_client_args": {"ssl": client_side}}
        server.shutdown()
        thread.join()


async def test_each_turn_of_a_live_session_is_a_call(
    live: dict[str, Any], delivered: Delivered
) -> None:
    client = genai.Client(api_key="k", http_options=live)

    async with client.aio.live.connect(model="gemini-live-2.5-flash-preview") as session:
        messages = [message async for message in session.receive()]
        await session._receive()
    client.close()

    first, second = delivered()
    assert len(messages) == 2
    said = first.attributes
    assert said["gen_ai.request.model"] == "gemini-live-2.5-flash-preview"
    assert said["gen_ai.provider.name"] == "gcp.gemini"
    assert said["server.address"] == "127.0.0.1"
    assert said["gen_ai.usage.input_tokens"] == 150
    assert said["gen_ai.usage.audio.input_tokens"] == 120
    assert said["gen_ai.usage.output_tokens"] == 80
    assert said["gen_ai.usage.audio.output_tokens"] == 80
    assert "tollbook.usage.complete" not in said
    assert second.attributes["gen_ai.usage.output_tokens"] == 40
    assert second.attributes["tollbook.usage.complete"] is False
    assert SECRET not in repr([first, second])


def test_another_model_is_asked_where_a_limit_says_so(
    client: Any, wire: Any, delivered: Delivered
) -> None:
    wire.say(interaction())

    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="gemini-2.5-pro"):
        for _ in range(2):
            client.interactions.create(**ASK)

    first, second = delivered()
    asked = [json.loads(body)["model"] for _, _, body in wire.requests]
    assert asked == ["gemini-2.5-flash", "gemini-2.5-pro"]
    assert_interaction(first)
    assert second.attributes["gen_ai.request.model"] == "gemini-2.5-pro"
