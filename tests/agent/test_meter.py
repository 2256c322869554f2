"""Nothing of ours reaches the caller."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

import tollbook
from tollbook.clients.anthropic import Messages
from tollbook.clients.hosts import provider_at
from tollbook.clients.openai import Completions
from tollbook.export import Exporter
from tollbook.meter import Observation

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
STREAM: Any = {"stream": True, "stream_options": {"include_usage": True}}
CREATE: Any = {**CHAT, "model": "claude-sonnet-4-6", "max_tokens": 9}


def broken(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("our own mistake")


@pytest.mark.parametrize(
    ("owner", "method", "faults", "spans"),
    [
        (Completions, "asked", 2, 0),
        (Completions, "answer", 1, 2),
        (Completions, "event", 10, 2),  # a whole answer; of 11 chunks the first and the last 8
        (Observation, "__init__", 2, 0),
        (Exporter, "put", 2, 0),
    ],
)
def test_a_meter_that_always_raises_does_not_reach_the_caller_and_is_counted(
    owner: type,
    method: str,
    faults: int,
    spans: int,
    openai_client: openai.OpenAI,
    collector: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(owner, method, broken)
        answer = openai_client.chat.completions.create(**CHAT)
        chunks = list(openai_client.chat.completions.create(**CHAT, **STREAM))
        flushed = tollbook.flush(10)

    assert answer.id == "chatcmpl-1"
    assert len(chunks) == 11
    assert (flushed.delivered, flushed.queued, flushed.lost["fault"]) == (spans, 0, faults)


def test_a_call_that_cannot_be_read_is_dropped_and_counted_and_the_next_one_is_not(
    anthropic_client: anthropic.Anthropic, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Messages, "usage", broken)
        anthropic_client.messages.create(**CREATE)
        first = tollbook.flush(10)
    anthropic_client.messages.create(**CREATE)
    second = tollbook.flush(10)

    assert (first.delivered, first.dropped, first.lost["unreadable"]) == (0, 1, 1)
    assert (second.delivered, second.dropped, second.queued) == (1, 1, 0)


def test_what_the_caller_changes_after_the_call_is_not_what_is_recorded(
    openai_client: openai.OpenAI, delivered: Callable[[], list[Any]]
) -> None:
    asked = {**CHAT, "messages": [*CHAT["messages"]]}

    answer = openai_client.chat.completions.create(**asked)
    asked["model"] = "another"
    asked["messages"].clear()
    answer.choices.clear()
    answer.id = "another"

    said = delivered()[0].attributes
    assert said["gen_ai.request.model"] == "gpt-4o"
    assert said["gen_ai.response.id"] == "chatcmpl-1"
    assert said["gen_ai.response.finish_reasons"] == ["stop"]


def test_an_exception_is_the_very_object_and_is_not_kept_alive(
    openai_client: openai.OpenAI, provider: Any, delivered: Callable[[], list[Any]]
) -> None:
    class Interrupt(BaseException):
        pass

    raised = Interrupt()

    def interrupt(request: Any) -> None:
        raise raised

    openai_client._client.event_hooks = {"request": [interrupt]}

    with pytest.raises(Interrupt) as caught:
        openai_client.chat.completions.create(**CHAT)

    assert caught.value is raised
    assert delivered()[0].attributes["error.type"].endswith("Interrupt")


@pytest.mark.parametrize(
    ("host", "provider_name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://mine.openai.azure.com/openai", "azure.ai.openai"),
        ("https://mine.services.ai.azure.com/models", "azure.ai.inference"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://API.GROQ.com/v1", "groq"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini"),
        ("https://europe-west4-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://openai.azure.com.example.org/v1", "openai"),
        ("http://localhost:8000/v1", "openai"),
    ],
)
def test_the_provider_is_told_by_the_host(host: str, provider_name: str) -> None:
    assert provider_at(host.split("/")[2].split(":")[0], "openai") == provider_name
