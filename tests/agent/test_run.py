"""Runs, calls of the program's own, scores, and whose they are across generators and services."""

import asyncio
import contextvars
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from waiting import WAIT_S

import tollbook
from tollbook import export
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, NO_SCOPE
from tollbook.vector import NUMBER_BYTES, NUMBERS_MAX

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
Delivered = Callable[[], list[Any]]


def named(spans: list[Any], name: str) -> Any:
    return next(span for span in spans if span.name == name)


def test_a_run_is_the_parent_of_its_calls_and_they_carry_its_id_and_name(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    with tollbook.tags(team="search"), tollbook.run("refund-agent") as run:
        openai_client.chat.completions.create(**CHAT)
        openai_client.chat.completions.create(**CHAT)
    openai_client.chat.completions.create(**CHAT)

    first, second, task, outside = delivered()
    assert task.name == "invoke_agent refund-agent"
    assert task.kind == 1
    assert task.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "refund-agent",
        "tollbook.run.id": run.id,
        "tollbook.run.name": "refund-agent",
        "tollbook.tags.team": "search",
    }
    for call in (first, second):
        assert (call.trace_id, call.parent_span_id) == (task.trace_id, task.span_id)
        assert call.attributes["tollbook.run.id"] == run.id
        assert call.attributes["tollbook.run.name"] == "refund-agent"
    assert "tollbook.run.id" not in outside.attributes
    assert outside.trace_id != task.trace_id
    assert task.start_time_ns <= first.start_time_ns <= first.end_time_ns <= task.end_time_ns


def test_an_inner_run_is_a_child_of_the_outer_one(delivered: Delivered) -> None:
    with tollbook.run("outer", run_id="job-7") as outer, tollbook.run("inner") as inner:
        pass

    child, parent = delivered()
    assert (outer.id, len(inner.id)) == ("job-7", 32)
    assert child.parent_span_id == parent.span_id
    assert child.trace_id == parent.trace_id
    assert parent.parent_span_id == b""


def test_a_run_hangs_on_the_programs_own_span_and_a_newer_one_is_nearer_to_a_call(
    openai_client: openai.OpenAI, delivered: Delivered
) -> None:
    def own(span_id: int) -> Any:
        return use_span(NonRecordingSpan(SpanContext(5, span_id, False, TraceFlags(1))))

    with own(6), tollbook.run("task"):
        openai_client.chat.completions.create(**CHAT)
        with own(7):
            openai_client.chat.completions.create(**CHAT)

    direct, nearer, task = delivered()
    assert {span.trace_id for span in (direct, nearer, task)} == {(5).to_bytes(16, "big")}
    assert task.parent_span_id == (6).to_bytes(8, "big")
    assert direct.parent_span_id == task.span_id
    assert nearer.parent_span_id == (7).to_bytes(8, "big")


def test_a_run_that_fails_says_so_and_the_exception_passes_unchanged(delivered: Delivered) -> None:
    error = ValueError("mine")

    with pytest.raises(ValueError, match="mine") as raised, tollbook.run("task"):
        raise error

    assert raised.value is error
    (span,) = delivered()
    assert (span.status_code, span.attributes["error.type"]) == (2, "ValueError")


def test_each_call_of_a_decorated_function_is_a_run_of_its_own(delivered: Delivered) -> None:
    @tollbook.run("task")
    def task(number: int) -> int:
        """Say something."""
        with tollbook.call(provider="local", model="llama"):
            return number + 1

    @tollbook.run("async task")
    async def async_task(number: int) -> int:
        await asyncio.sleep(0)
        with tollbook.call(provider="local", model="llama"):
            return number + 1

    async def both() -> list[int]:
        return await asyncio.gather(async_task(1), async_task(2))

    assert (task(1), task(2), task.__name__, task.__doc__) == (2, 3, "task", "Say something.")
    assert asyncio.run(both()) == [2, 3]

    runs = [span for span in delivered() if span.name.startswith("invoke_agent")]
    calls = [span for span in delivered() if span.name == "chat llama"]
    assert len({span.trace_id for span in runs}) == len(runs) == 4
    assert {call.parent_span_id for call in calls} == {run.span_id for run in runs}


def test_the_reader_of_a_decorated_generator_is_outside_of_its_run(delivered: Delivered) -> None:
    @tollbook.run("steps")
    def steps() -> Iterator[str | None]:
        sent = None
        with tollbook.tags(inner="yes"):
            while sent != "end":
                with tollbook.call(provider="local", model="inside"):
                    pass
                sent = yield CURRENT.get().tags.get("inner")

    generator: Any = steps()
    seen = [next(generator)]
    with tollbook.call(provider="local", model="outside"):
        pass
    assert CURRENT.get() is NO_SCOPE
    seen.append(generator.send("more"))
    with pytest.raises(StopIteration):
        generator.send("end")

    assert seen == ["yes", "yes"]
    task = named(delivered(), "invoke_agent steps")
    inside = [span for span in delivered() if span.name == "chat inside"]
    assert {span.parent_span_id for span in inside} == {task.span_id}
    assert named(delivered(), "chat outside").parent_span_id == b""


def test_a_decorated_generator_gets_what_is_thrown_and_ends_its_run_when_it_is_closed(
    delivered: Delivered,
) -> None:
    seen: list[str] = []

    @tollbook.run("steps")
    def steps() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            seen.append("thrown")
        try:
            yield 2
        finally:
            seen.append("closed")

    generator: Any = steps()
    assert next(generator) == 1
    assert generator.throw(KeyError("x")) == 2
    generator.close()

    assert seen == ["thrown", "closed"]
    (span,) = delivered()
    assert (span.name, span.status_code) == ("invoke_agent steps", 0)


async def test_a_decorated_async_generator_works_when_each_step_is_another_task(
    delivered: Delivered,
) -> None:
    @tollbook.run("steps")
    async def steps() -> AsyncIterator[int]:
        for number in range(3):
            async with tollbook.call(provider="local", model="inside"):
                await asyncio.sleep(0)
            yield number

    generator: Any = steps()
    seen = [await asyncio.ensure_future(generator.__anext__()) for _ in range(2)]
    assert CURRENT.get() is NO_SCOPE
    await asyncio.ensure_future(generator.aclose())

    assert seen == [0, 1]
    spans = delivered()
    task = named(spans, "invoke_agent steps")
    assert [s.parent_span_id for s in spans if s.name == "chat inside"] == [task.span_id] * 2


async def test_tasks_and_threads_that_asyncio_starts_belong_to_the_run(
    async_openai_client: openai.AsyncOpenAI, delivered: Delivered
) -> None:
    def in_thread() -> None:
        with tollbook.call(provider="local", model="llama"):
            pass

    async with tollbook.run("task"):
        await asyncio.gather(
            asyncio.to_thread(in_thread),
            asyncio.create_task(async_openai_client.chat.completions.create(**CHAT)),
        )

    spans = delivered()
    task = named(spans, "invoke_agent task")
    assert [s.parent_span_id for s in spans if s is not task] == [task.span_id] * 2


def test_a_thread_belongs_to_the_run_where_the_program_hands_it_the_context(
    delivered: Delivered,
) -> None:
    def in_thread() -> None:
        with tollbook.call(provider="local", model="llama"):
            pass

    with tollbook.run("task"):
        context = contextvars.copy_context()
        for target in (in_thread, lambda: context.run(in_thread)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    alone, within, task = delivered()
    assert alone.parent_span_id == b""
    assert within.parent_span_id == task.span_id


def test_user_session_and_conversation_are_the_attributes_of_the_conventions(
    openai_client: openai.OpenAI, provider: Any, delivered: Delivered
) -> None:
    with tollbook.tags(user="u-1", session="s-1", conversation="c-1", team="search"):
        openai_client.chat.completions.create(**CHAT)
        openai_client.responses.create(model="gpt-4o", input="x", conversation="c-2")

    chat, responses = (span.attributes for span in delivered())
    assert chat["user.id"] == "u-1"
    assert chat["session.id"] == "s-1"
    assert chat["gen_ai.conversation.id"] == "c-1"
    assert [name for name in chat if name.startswith("tollbook.tags.")] == ["tollbook.tags.team"]
    assert responses["gen_ai.conversation.id"] == "c-2"


def test_a_call_of_the_programs_own_is_priced_and_measured_like_another(
    delivered: Delivered,
) -> None:
    with tollbook.call(provider="openai", model="gpt-4o", max_tokens=500, stream=True) as call:
        call.first_chunk()
        call.answer(model="gpt-4o-2024-08-06", response_id="r-1", finish_reasons=["stop"])
        call.usage(input_tokens=1000, cache_read_tokens=400, output_tokens=100)

    (span,) = delivered()
    # 600 at 2.50, 400 at 1.25 and 100 at 10 dollars a million: 0.0015 + 0.0005 + 0.001.
    assert span.attributes["tollbook.cost_usd"] == "0.003"
    assert (span.name, span.kind, span.status_code) == ("chat gpt-4o", 3, 0)
    assert span.attributes["gen_ai.provider.name"] == "openai"
    assert span.attributes["gen_ai.request.max_tokens"] == 500
    assert span.attributes["gen_ai.response.id"] == "r-1"
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert "server.address" not in span.attributes


def test_a_call_of_the_programs_own_that_fails_has_its_error_and_no_made_up_usage(
    delivered: Delivered,
) -> None:
    def fail() -> None:
        with tollbook.call(provider="local", model="llama") as call:
            call.usage(input_tokens=-1, output_tokens=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    (span,) = delivered()
    assert (span.status_code, span.attributes["error.type"]) == (2, "RuntimeError")
    assert not [name for name in span.attributes if name.startswith("gen_ai.usage")]


def test_a_score_belongs_to_the_call_else_to_the_run(delivered: Delivered) -> None:
    with tollbook.run("task") as run:
        with tollbook.call(provider="local", model="llama"):
            tollbook.score("quality", 0.8, label="good", explanation="short")
        tollbook.score("solved", True, response_id="chatcmpl-1")
    tollbook.score("mood", "glad")

    of_call, call, of_run, task, alone = delivered()
    assert of_call.parent_span_id == call.span_id
    assert of_call.attributes == {
        "gen_ai.evaluation.name": "quality",
        "gen_ai.evaluation.score.value": 0.8,
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.evaluation.explanation": "short",
        "tollbook.run.id": run.id,
        "tollbook.run.name": "task",
    }
    assert of_run.parent_span_id == task.span_id
    assert of_run.attributes["gen_ai.evaluation.score.value"] == 1.0
    assert of_run.attributes["gen_ai.response.id"] == "chatcmpl-1"
    assert alone.attributes == {
        "gen_ai.evaluation.name": "mood",
        "gen_ai.evaluation.score.label": "glad",
    }
    assert {span.name for span in (of_call, of_run, alone)} == {"gen_ai.evaluation.result"}


def test_vectors_of_a_prompt_and_an_answer_are_sent_as_the_numbers_that_they_are(
    delivered: Delivered,
) -> None:
    with tollbook.tags(feature="question"), tollbook.call(provider="local", model="llama"):
        tollbook.embedding(prompt=[0.25, -1, 1e-7], answer=array("f", [0.5]))
    tollbook.embedding(answer=(1.0,), response_id="chatcmpl-1")
    tollbook.embedding()

    of_call, call, alone = delivered()
    assert (of_call.name, of_call.parent_span_id) == ("tollbook.embedding", call.span_id)
    assert of_call.attributes == {
        "tollbook.prompt.embedding": [0.25, -1.0, 1e-7],
        "tollbook.answer.embedding": [0.5],
        "tollbook.tags.feature": "question",
    }
    assert alone.attributes == {
        "tollbook.answer.embedding": [1.0],
        "gen_ai.response.id": "chatcmpl-1",
    }


def test_a_vector_that_is_too_long_or_none_is_left_out_and_counted(collector: Any) -> None:
    tollbook.embedding(prompt=[0.5] * (NUMBERS_MAX + 1), answer=[0.5] * NUMBERS_MAX)
    tollbook.embedding(prompt=[float("nan")])
    tollbook.embedding(prompt=["x"])  # type: ignore[list-item]
    lost = tollbook.flush(WAIT_S).lost

    (span,) = collector.spans
    assert list(span.attributes) == ["tollbook.answer.embedding"]
    assert (lost["value_cut"], lost["fault"]) == (1, 2)


def test_vectors_that_have_no_room_are_left_out_and_counted(
    collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "QUEUE_BODY_BYTES_MAX", 100 * NUMBER_BYTES)

    with PROCESS.exporter._cycle:  # type: ignore[union-attr]
        for _ in range(3):
            tollbook.embedding(prompt=[0.5] * 50)
    flushed = tollbook.flush(WAIT_S)

    assert (len(collector.spans), flushed.lost["body_dropped"]) == (2, 1)


@pytest.mark.usefixtures("collector")
def test_no_argument_of_the_surface_makes_it_raise() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise ValueError

        __repr__ = __str__

    hostile: Any = Hostile()
    for value in (None, hostile, float("nan"), 10**400, "\ud800", b"x", [], object()):
        tollbook.score("x", value)
        tollbook.score(value, 1, response_id=value)
        tollbook.embedding(prompt=value, answer=value, response_id=value)
        with tollbook.tags(x=value), tollbook.call(provider=value, model=value) as call:
            call.usage(input_tokens=value, output_tokens=value)
            call.answer(model=value, response_id=value)
        tollbook.inject({"baggage": value})
        with tollbook.remote({"baggage": value, "traceparent": value}):
            pass

    assert CURRENT.get() is NO_SCOPE


def test_nothing_is_recorded_where_nothing_is_instrumented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROCESS, "exporter", None)

    with tollbook.run("task"), tollbook.call(provider="local", model="llama") as call:
        call.usage(input_tokens=1)
        tollbook.score("x", 1)

    assert tollbook.flush(0).queued == 0


def test_a_run_goes_on_in_another_service_with_the_tags_that_were_named(
    delivered: Delivered,
) -> None:
    headers = {"Baggage": "other=1"}
    with tollbook.tags(team="a=b, ü", secret="x"), tollbook.run("task") as run:
        tollbook.inject(headers, tags=["team"])

    seen: list[Any] = []
    with tollbook.remote(headers):
        seen.append(dict(CURRENT.get().tags))
        with tollbook.call(provider="local", model="llama"):
            pass

    assert headers["Baggage"].startswith("other=1,")
    assert "secret" not in str(headers)
    assert seen == [{"team": "a=b, ü"}]
    task, call = delivered()
    assert call.attributes["tollbook.run.id"] == run.id
    assert (call.trace_id, call.parent_span_id) == (task.trace_id, task.span_id)


@pytest.mark.parametrize(
    "header", ["", "x", "00-0-0-01", "00-" + "g" * 32 + "-" + "1" * 16 + "-01"]
)
def test_headers_that_are_wrong_are_as_if_they_were_not_there(
    header: str, delivered: Delivered
) -> None:
    with (
        tollbook.remote({"traceparent": header, "baggage": ",;=,x"}),
        tollbook.call(provider="local", model="llama"),
    ):
        pass

    (span,) = delivered()
    assert span.parent_span_id == b""
