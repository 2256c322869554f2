"""`exporter=None`: spans go to the program's own OpenTelemetry, and nothing is sent."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

import tollbook

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}


class OwnSpan(NonRecordingSpan):
    """A span of a provider that keeps what it is given, as an SDK's would."""

    def __init__(self, name: str, **said: Any) -> None:
        super().__init__(SpanContext(1, 2, False, TraceFlags(1)))
        self.name = name
        self.said = said
        self.status: Any = None
        self.end_time: int | None = None

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = status

    def end(self, end_time: int | None = None) -> None:
        self.end_time = end_time


class OwnProvider(trace.TracerProvider):
    """The program's provider, which it set through OpenTelemetry's API."""

    def __init__(self) -> None:
        self.spans: list[OwnSpan] = []
        self.scopes: set[str] = set()

    def get_tracer(self, name: str, *_: Any, **__: Any) -> trace.Tracer:
        self.scopes.add(name)
        provider = self

        class OwnTracer(trace.NoOpTracer):
            def start_span(self, name: str, *args: Any, **kwargs: Any) -> Any:
                provider.spans.append(OwnSpan(name, **kwargs))
                return provider.spans[-1]

        return OwnTracer()


@pytest.fixture
def own(collector: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnProvider]:
    provider = OwnProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    tollbook.instrument(exporter=None)
    yield provider
    tollbook.flush(10)
    assert collector.requests == []


def test_a_call_becomes_a_span_of_the_programs_own_provider(
    own: OwnProvider, openai_client: openai.OpenAI
) -> None:
    around = SpanContext(5, 6, False, TraceFlags(1))

    with tollbook.tags(team="search"), use_span(NonRecordingSpan(around)):
        openai_client.chat.completions.create(**CHAT)
    flushed = tollbook.flush(10)

    (span,) = own.spans
    assert own.scopes == {"tollbook"}
    assert (span.name, span.said["kind"]) == ("chat gpt-4o", trace.SpanKind.CLIENT)
    assert span.said["attributes"]["gen_ai.usage.input_tokens"] == 1207
    assert span.said["attributes"]["tollbook.cost_usd"] == "0.00325875"
    assert span.said["attributes"]["tollbook.tags.team"] == "search"
    assert span.end_time is not None
    assert span.end_time > span.said["start_time"]
    parent = trace.get_current_span(span.said["context"]).get_span_context()
    assert (parent.trace_id, parent.span_id) == (5, 6)
    assert (flushed.delivered, flushed.queued, flushed.dropped) == (1, 0, 0)


def test_a_failed_call_and_a_run_are_spans_of_it_too(
    own: OwnProvider, openai_client: openai.OpenAI, provider: Any
) -> None:
    provider.statuses = [429]

    with pytest.raises(openai.RateLimitError), tollbook.run("task"):
        openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    call, task = own.spans
    assert call.status == task.status == trace.StatusCode.ERROR
    assert call.said["attributes"]["error.type"] == "RateLimitError"
    assert (task.name, task.said["kind"]) == ("invoke_agent task", trace.SpanKind.INTERNAL)


def test_a_provider_that_fails_breaks_no_call_and_is_counted(
    own: OwnProvider, openai_client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(own, "get_tracer", broken)

    openai_client.chat.completions.create(**CHAT)
    flushed = tollbook.flush(10)

    assert (flushed.delivered, flushed.dropped, flushed.lost["unreadable"]) == (0, 1, 1)
