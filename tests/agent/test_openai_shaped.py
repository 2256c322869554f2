"""Calls through the libraries of Groq and Together, which have the shape of OpenAI's.

Each real library against a server that speaks its protocol; those that are installed are tested.
"""

import gc
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
MESSAGES: Any = [{"role": "user", "content": SECRET}]
ASK: Any = {"model": "m-1", "messages": MESSAGES, "max_tokens": 256}
USAGE: Any = {
    "prompt_tokens": 1207,
    "completion_tokens": 153,
    "total_tokens": 1360,
    "prompt_tokens_details": {"cached_tokens": 1031},
    "completion_tokens_details": {"reasoning_tokens": 67},
}


@dataclass(frozen=True)
class Library:
    """A client library, and where it is not like the others.

    Attributes:
        name: Name of its module.
        client: Its client's class; the async one has Async before it.
        provider: Who answers.
        usage: Where the last chunk of a stream has the usage.
    """

    name: str
    client: str
    provider: str
    usage: Mapping[str, Any]

    def open(self, url: str, *, asynchronous: bool = False, **more: Any) -> Any:
        """Return a client of a server."""
        module = importlib.import_module(self.name)
        make = getattr(module, f"Async{self.client}" if asynchronous else self.client)
        return make(api_key="k", base_url=url, **{"max_retries": 0, **more})


LIBRARIES = (
    Library("groq", "Groq", "groq", {"x_groq": {"id": "c-1", "usage": USAGE}}),
    Library("together", "Together", "together_ai", {"usage": USAGE}),
)
INSTALLED = [one for one in LIBRARIES if importlib.util.find_spec(one.name)]
if not INSTALLED:
    pytest.skip("no such library is installed", allow_module_level=True)


@pytest.fixture(params=INSTALLED, ids=lambda one: one.name)
def library(request: pytest.FixtureRequest) -> Library:
    found: Library = request.param
    return found


@pytest.fixture
def client(library: Library, wire: Any) -> Iterator[Any]:
    with library.open(wire.url) as client:
        yield client


def answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": SECRET}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    said = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1-001"}
    return {**said, "choices": [choice], "usage": USAGE}


def chunks(library: Library) -> list[Any]:
    said = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1-001"}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    return [
        *({**said, "choices": [delta]} for _ in range(3)),
        {**said, "choices": [end], **library.usage},
    ]


def assert_chat(span: Any, library: Library, *, streamed: bool = False) -> None:
    said = span.attributes
    assert span.name == "chat m-1"
    assert span.kind == 3
    assert said["gen_ai.provider.name"] == library.provider
    assert said["gen_ai.request.max_tokens"] == 256
    assert said["gen_ai.response.id"] == "c-1"
    assert said["gen_ai.response.model"] == "m-1-001"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.usage.input_tokens"] == 1207
    assert said["gen_ai.usage.cache_read.input_tokens"] == 1031
    assert said["gen_ai.usage.output_tokens"] == 153
    assert said.get("gen_ai.request.stream") == (True if streamed else None)
    assert ("gen_ai.response.time_to_first_chunk" in said) == streamed
    assert "tollbook.usage.complete" not in said
    assert SECRET not in repr(span)


def test_a_chat_is_one_span(client: Any, library: Library, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    said = client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span, library)


async def test_an_async_chat_is_one_span(library: Library, wire: Any, delivered: Delivered) -> None:
    wire.say(answer())

    async with library.open(wire.url, asynchronous=True) as client:
        said = await client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert said.choices[0].message.content == SECRET
    assert_chat(span, library)


def test_a_stream_is_one_span(
    client: Any, library: Library, wire: Any, delivered: Delivered
) -> None:
    wire.events(chunks(library), done=True)

    got = list(client.chat.completions.create(**ASK, stream=True))

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, library, streamed=True)


async def test_an_async_stream_is_one_span(
    library: Library, wire: Any, delivered: Delivered
) -> None:
    wire.events(chunks(library), done=True)

    async with library.open(wire.url, asynchronous=True) as client:
        got = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]

    (span,) = delivered()
    assert len(got) == 4
    assert_chat(span, library, streamed=True)


@pytest.mark.parametrize("how", ["close", "drop"])
def test_a_stream_that_ends_early_says_that_it_is_not_all(
    how: str, client: Any, library: Library, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"data: " + json.dumps(chunks(library)[0]).encode() + b"\n\n", None])
    stream = client.chat.completions.create(**ASK, stream=True)
    next(stream)

    if how == "close":
        stream.close()
    else:
        del stream
        gc.collect()

    said = delivered()[0].attributes
    assert said["tollbook.usage.complete"] is False
    assert said["gen_ai.response.id"] == "c-1"
    assert said["tollbook.usage.estimated"] is True


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_reaches_the_caller_unchanged_and_is_recorded(
    status: int, streamed: bool, client: Any, library: Library, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"message": SECRET}}, status)

    with pytest.raises(importlib.import_module(library.name).APIStatusError) as caught:
        list(
            client.chat.completions.create(**ASK, stream=True)
        ) if streamed else client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert span.status_code == 2
    assert span.attributes["error.type"] in (type(caught.value).__name__, str(status))
    assert SECRET not in repr(span)


def test_the_librarys_retries_are_one_span(
    library: Library, wire: Any, delivered: Delivered
) -> None:
    wire.say({"error": {"message": SECRET}}, 503, retry_after_ms="1")
    wire.say(answer())

    with library.open(wire.url, max_retries=1) as client:
        client.chat.completions.create(**ASK)

    (span,) = delivered()
    assert len(wire.requests) == 2
    assert_chat(span, library)
    assert span.status_code == 0
    assert span.attributes["http.request.resend_count"] == 1


@pytest.mark.parametrize("library", [one for one in INSTALLED if one.name == "together"])
def test_a_ranking_is_one_span(library: Library, wire: Any, delivered: Delivered) -> None:
    usage = {"prompt_tokens": 17, "completion_tokens": 0, "total_tokens": 17}
    found = [{"index": 0, "relevance_score": 0.5}]
    wire.say({"id": "r-1", "object": "rerank", "model": "m-1", "results": found, "usage": usage})

    with library.open(wire.url) as client:
        client.rerank.create(model="m-1", query=SECRET, documents=[SECRET])

    (span,) = delivered()
    assert span.name == "rerank m-1"
    assert span.attributes["gen_ai.usage.input_tokens"] == 17
