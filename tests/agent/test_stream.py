"""What is kept of a stream's events: those at its ends, where these say all."""

import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest

import tollbook
from tollbook.clients.completions import Completions
from tollbook.ends import LAST_EVENTS

Delivered = Callable[[], list[Any]]
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
STREAMED: Any = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
USAGE = {"prompt_tokens": 1207, "completion_tokens": 153, "total_tokens": 1360}
WAIT_S = 30.0
LONG = 40  # chunks, more than are kept


@pytest.fixture
def client(wire: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        yield client


def chunk(*choices: Any, usage: Any = None, **more: Any) -> dict[str, Any]:
    said = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-1"}
    return {**said, "choices": list(choices), "usage": usage, **more}


def choice(index: int = 0, reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": {"content": "word "}, "finish_reason": reason}


def test_chunks_between_the_finish_reason_and_the_usage_hide_neither(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    filters = chunk(choice(), content_filter_results={})
    end = [chunk(choice(reason="stop")), filters, filters, chunk(usage=USAGE)]
    wire.events([*[chunk(choice())] * LONG, *end], done=True)

    events = list(client.chat.completions.create(**STREAMED))

    (span,) = delivered()
    assert len(events) == LONG + len(end)
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207
    assert "tollbook.usage.complete" not in span.attributes


def test_a_choice_that_ends_long_before_the_others_keeps_its_finish_reason(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    early = [chunk(choice(0)), chunk(choice(0, "length")), *[chunk(choice(1))] * LONG]
    wire.events([*early, chunk(choice(1, "stop")), chunk(usage=USAGE)], done=True)

    list(client.chat.completions.create(**STREAMED, n=2))

    (span,) = delivered()
    assert span.attributes["gen_ai.response.finish_reasons"] == ["length", "stop"]
    assert span.attributes["gen_ai.usage.output_tokens"] == 153


def test_an_empty_name_in_the_first_chunk_is_not_the_model(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    filters = chunk(id="", model="", prompt_filter_results=[])
    wire.events([filters, *[chunk(choice())] * LONG, chunk(choice(reason="stop"))], done=True)

    list(client.chat.completions.create(**STREAMED))

    (span,) = delivered()
    assert span.attributes["gen_ai.response.model"] == "gpt-4o-1"
    assert span.attributes["gen_ai.response.id"] == "c-1"


def test_the_text_of_each_event_is_counted_once_where_no_usage_is_said(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    arguments = [{"index": 0, "function": {"arguments": '{"a": 1}'}}]
    said = [{"content": "word "}] * LONG + [{"content": "ü"}, {"tool_calls": arguments}]
    end = chunk({"index": 0, "delta": {}, "finish_reason": "stop"})
    wire.events([*(chunk({"index": 0, "delta": one}) for one in said), end], done=True)

    list(client.chat.completions.create(**CHAT, stream=True))

    (span,) = delivered()
    assert span.attributes["tollbook.usage.estimated"] is True
    assert span.attributes["gen_ai.usage.output_tokens"] == 53  # (40 * 5 + 2 + 8) / 4, upwards
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]


def test_a_stream_that_stops_in_the_middle_has_the_usage_that_was_last_said(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    said = [chunk(choice(), usage={**USAGE, "completion_tokens": n}) for n in range(1, LONG)]
    wire.events(said, done=True)

    with client.chat.completions.create(**STREAMED) as stream:
        for _ in range(30):
            next(stream)

    (span,) = delivered()
    assert span.attributes["gen_ai.usage.output_tokens"] == 30
    assert span.attributes["tollbook.usage.complete"] is False


def test_a_stream_that_stops_in_the_middle_says_who_answered(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.events([chunk(choice(), service_tier="flex")] * LONG, done=True)

    with client.chat.completions.create(**CHAT, stream=True) as stream:
        for _ in range(3):
            next(stream)

    (span,) = delivered()
    assert span.attributes["gen_ai.response.id"] == "c-1"
    assert span.attributes["gen_ai.response.model"] == "gpt-4o-1"
    assert span.attributes["openai.response.service_tier"] == "flex"
    assert span.attributes["gen_ai.usage.output_tokens"] == 4  # 3 * 5 / 4, upwards


def test_of_a_stream_of_openai_itself_three_events_are_held_and_say_all(
    delivered: Delivered,
) -> None:
    end = [chunk(choice(reason="stop")), chunk(usage=USAGE)]
    said = [f"data: {json.dumps(one)}\n\n" for one in [*[chunk(choice())] * LONG, *end]]
    kind = {"content-type": "text/event-stream"}
    answer = httpx2.Response(200, headers=kind, text="".join([*said, "data: [DONE]\n\n"]))
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))

    with openai.OpenAI(api_key="k", http_client=http) as client:
        stream = client.chat.completions.create(**STREAMED)
        alive = [weakref.ref(next(stream)) for _ in range(LONG)]
        gc.collect()
        held = sum(event() is not None for event in alive)
        list(stream)

    (span,) = delivered()
    assert held == 3
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207


def test_a_long_stream_holds_its_last_events_only(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.events([chunk(choice())] * LONG, done=True)

    stream = client.chat.completions.create(**STREAMED)
    alive = [weakref.ref(next(stream)) for _ in range(LONG - 1)]
    gc.collect()

    held = sum(event() is not None for event in alive)
    assert held <= LAST_EVENTS
    stream.close()
    assert len(delivered()) == 1


def test_at_the_end_of_a_stream_its_events_are_let_go(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.events(
        [*[chunk(choice())] * LONG, chunk(choice(reason="stop")), chunk(usage=USAGE)], done=True
    )

    alive = [weakref.ref(event) for event in client.chat.completions.create(**STREAMED)]
    gc.collect()

    assert [event() for event in alive] == [None] * len(alive)
    (span,) = delivered()
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]


def test_events_that_cannot_be_read_are_counted_and_the_call_is_recorded(
    client: openai.OpenAI, wire: Any, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(api: Completions, event: Any, first: bool) -> None:
        raise ValueError("no event of ours")

    monkeypatch.setattr(Completions, "event", fails)
    wire.events([chunk(choice()), chunk(choice(reason="stop"))], done=True)

    events = list(client.chat.completions.create(**STREAMED))
    flushed = tollbook.flush(WAIT_S)

    assert len(events) == 2
    assert flushed.delivered == 1
    assert flushed.lost["fault"] > 0
