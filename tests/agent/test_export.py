"""Delivery: what happens to spans when the collector is there, slow, full, wrong or gone."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from waiting import PATIENT, WAIT_S

import tollbook
from tollbook import deliver, export
from tollbook.process import EXIT_TIMEOUT_S, PROCESS, REPORT_TIMEOUT_S
from tollbook.send import compress

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
# A send to a collector that hangs takes ten seconds: what waited for one is over this, and what did
# not is under it on a busy machine too.
NO_SEND_S = 8.0


@pytest.fixture
def hole() -> Iterator[str]:
    """The URL of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refused() -> Iterator[str]:
    """The URL of a port where nobody listens, held so that nobody else's server gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "BACKOFF_S", 0.01)


def call(client: openai.OpenAI, times: int = 1) -> None:
    for _ in range(times):
        client.chat.completions.create(**CHAT)


def call_at_once(client: openai.OpenAI, times: int) -> None:
    """Make calls that are sent together, however long they take."""
    assert PROCESS.exporter is not None
    with PROCESS.exporter._cycle:
        call(client, times)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    event = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        event.wait(0.005)


def test_spans_are_delivered_without_a_flush(openai_client: openai.OpenAI, collector: Any) -> None:
    call(openai_client)

    until(lambda: len(collector.spans) == 1)


@pytest.mark.parametrize("quiet_intervals", [0, 30])
def test_later_calls_are_delivered_whether_or_not_the_thread_sleeps_between_them(
    openai_client: openai.OpenAI,
    collector: Any,
    monkeypatch: pytest.MonkeyPatch,
    quiet_intervals: int,
) -> None:
    monkeypatch.setattr(export, "QUIET_INTERVALS", quiet_intervals)
    monkeypatch.setattr(export, "EXPORT_INTERVAL_S", 0.01)
    call(openai_client)
    until(lambda: tollbook.flush(timeout=0).delivered == 1)
    exporter = PROCESS.exporter
    assert exporter is not None
    until(lambda: exporter._idle or quiet_intervals > 0)

    call(openai_client)

    until(lambda: tollbook.flush(timeout=0).delivered == 2)


def test_calls_are_sent_in_batches_with_the_key(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLBOOK_KEY", "the-key")
    tollbook.instrument(endpoint=collector.url)

    call_at_once(openai_client, 20)
    flushed = tollbook.flush(WAIT_S)

    assert (flushed.delivered, flushed.queued, flushed.dropped) == (20, 0, 0)
    assert len(collector.requests) == 1
    assert collector.paths[0] == "/v1/traces"
    assert collector.headers["authorization"] == "Bearer the-key"
    assert collector.headers["content-type"] == "application/x-protobuf"
    assert collector.headers["content-encoding"] == "gzip"


def test_flush_without_a_call_returns_at_once(collector: Any) -> None:
    flushed = tollbook.flush(60.0)

    assert (flushed.delivered, flushed.queued, flushed.dropped) == (0, 0, 0)
    assert collector.requests == []


@pytest.mark.usefixtures("quick_backoff")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_batch_that_is_not_taken_is_sent_again_byte_for_byte(
    status: int, openai_client: openai.OpenAI, collector: Any
) -> None:
    collector.statuses = [(status, {}), (status, {})]

    call(openai_client, 3)
    flushed = tollbook.flush(WAIT_S)

    assert (flushed.delivered, flushed.queued, flushed.dropped) == (3, 0, 0)
    assert len(collector.spans) == 3
    assert collector.requests[0] == collector.requests[1] == collector.requests[2]


def test_retry_after_is_obeyed_and_the_spans_are_kept(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    collector.statuses = [(503, {"retry-after": "3600"})]

    call(openai_client, 2)
    until(lambda: len(collector.requests) == 1)
    flushed = tollbook.flush(0.5)

    assert (flushed.delivered, flushed.queued, flushed.dropped) == (0, 2, 0)
    assert len(collector.requests) == 1


def test_a_short_retry_after_delays_and_then_delivers(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    collector.statuses = [(429, {"retry-after": "1"})]
    began = time.monotonic()

    call(openai_client)
    flushed = tollbook.flush(WAIT_S)

    assert flushed.delivered == 1
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500])
def test_a_refused_batch_is_dropped_and_counted_and_the_next_one_is_sent(
    status: int, openai_client: openai.OpenAI, collector: Any
) -> None:
    collector.statuses = [(status, {})]

    call_at_once(openai_client, 2)
    first = tollbook.flush(WAIT_S)
    call(openai_client)
    second = tollbook.flush(WAIT_S)

    assert (first.delivered, first.queued, first.dropped) == (0, 0, 2)
    assert first.lost["rejected"] == 2
    assert (second.delivered, second.dropped) == (1, 2)


def test_spans_that_the_collector_does_not_keep_are_counted_as_dropped(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    collector.rejected = 1

    call(openai_client, 3)
    flushed = tollbook.flush(WAIT_S)

    assert (flushed.delivered, flushed.dropped) == (2, 1)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("down", ["refused", "hole"])
def test_flush_returns_in_time_and_tells_the_truth_with_the_collector_down(
    down: str, openai_client: openai.OpenAI, request: pytest.FixtureRequest
) -> None:
    tollbook.instrument(endpoint=request.getfixturevalue(down))

    call(openai_client, 3)
    began = time.monotonic()
    flushed = tollbook.flush(0.3)

    assert 0.3 <= time.monotonic() - began < NO_SEND_S
    assert (flushed.delivered, flushed.queued, flushed.dropped) == (0, 3, 0)


def test_spans_are_kept_while_the_collector_is_away_and_delivered_when_it_is_back(
    openai_client: openai.OpenAI, collector: Any, refused: str
) -> None:
    tollbook.instrument(endpoint=refused)
    call(openai_client, 3)
    away = tollbook.flush(0.2)

    tollbook.instrument(endpoint=collector.url)
    back = tollbook.flush(WAIT_S)

    assert (away.delivered, away.queued) == (0, 3)
    assert (back.delivered, back.queued, back.dropped) == (3, 0, 0)
    assert len(collector.spans) == 3


def test_a_connection_that_was_closed_while_idle_loses_and_delays_nothing(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    call(openai_client)
    tollbook.flush(WAIT_S)
    assert PROCESS.exporter is not None
    assert PROCESS.exporter._delivery is not None
    connection = PROCESS.exporter._delivery._sender._connection
    assert connection is not None
    connection.sock.shutdown(socket.SHUT_RDWR)

    call(openai_client)
    flushed = tollbook.flush(WAIT_S)

    assert flushed.delivered == 2
    assert PROCESS.exporter._delivery.failures == 0


def test_the_backlog_drops_its_oldest_spans_and_counts_them(
    openai_client: openai.OpenAI,
    collector: Any,
    refused: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliver, "BACKLOG_BYTES_MAX", 4000)
    monkeypatch.setattr(deliver, "BATCH_SPANS_MAX", 1)
    tollbook.instrument(endpoint=refused)

    for number in range(20):
        with tollbook.tags(number=number):
            call(openai_client)
    until(lambda: PROCESS.exporter is not None and not PROCESS.exporter.waiting())
    away = tollbook.flush(0.2)
    tollbook.instrument(endpoint=collector.url)
    back = tollbook.flush(WAIT_S)

    kept = [int(span.attributes["tollbook.tags.number"]) for span in collector.spans]
    assert away.lost["backlog_full"] == away.dropped == 20 - len(kept)
    assert away.queued == back.delivered == len(kept)
    assert 2 <= len(kept) < 20
    # The first batch was on its way; of the others the newest are there.
    assert kept[1:] == list(range(20 - len(kept) + 1, 20))


def test_a_queue_that_overflows_never_waits_and_counts_what_it_lost(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "QUEUE_CALLS_MAX", 4)
    monkeypatch.setattr(PROCESS, "exporter", None)
    tollbook.instrument(endpoint=collector.url)
    exporter = PROCESS.exporter
    assert exporter is not None

    with exporter._cycle:  # the thread is held up
        call(openai_client, 10)
        held = tollbook.flush(0.0)
    flushed = tollbook.flush(WAIT_S)

    assert (held.delivered, held.queued, held.dropped) == (0, 4, 6)
    assert held.lost["queue_full"] == 6
    assert (flushed.delivered, flushed.queued, flushed.dropped) == (4, 0, 6)
    assert len(collector.spans) == 4


def test_raw_bodies_over_the_bound_cost_only_their_usage(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "QUEUE_BODY_BYTES_MAX", 10)

    openai_client.chat.completions.with_raw_response.create(**CHAT)
    flushed = tollbook.flush(WAIT_S)

    assert (flushed.delivered, flushed.dropped, flushed.lost["body_dropped"]) == (1, 0, 1)
    assert "gen_ai.usage.input_tokens" not in collector.spans[0].attributes


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_started_again_by_the_next_call(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Any) -> None:
        raise SystemExit

    def exporting() -> set[threading.Thread]:
        return {one for one in threading.enumerate() if one.name == "tollbook-export"}

    before = exporting()  # of other tests, which go on
    with monkeypatch.context() as patched:
        patched.setattr(export.Exporter, "_sleep", die)
        call(openai_client)
        exporter = PROCESS.exporter
        assert exporter is not None
        # Only then has the thread told how it died, which is no fault of the next test.
        until(lambda: not exporter._running and not exporting() - before)
    call(openai_client)
    flushed = tollbook.flush(WAIT_S)

    assert flushed.delivered == 2


def test_many_threads_lose_nothing(openai_client: openai.OpenAI, collector: Any) -> None:
    threads = [threading.Thread(target=call, args=(openai_client, 25)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    flushed = tollbook.flush(WAIT_S)

    assert (flushed.delivered, flushed.queued, flushed.dropped) == (200, 0, 0)
    assert len({span.span_id for span in collector.spans}) == 200


# The stream lives on in the module, so the interpreter finalizes it when no thread can start.
KEPT_TO_THE_END = """
import faulthandler, os, tollbook, openai
faulthandler.dump_traceback_later(120, exit=True)
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
client = openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1")
asked = dict(model="gpt-4o", messages=[dict(role="user", content="x")], stream=True)
stream = client.chat.completions.create(**asked)
next(iter(stream))
"""


def test_a_stream_that_is_still_open_at_the_exit_is_recorded_and_does_not_hold_it_up(
    run_python: Any, collector: Any
) -> None:
    ended = run_python(PATIENT + KEPT_TO_THE_END)

    (span,) = collector.spans
    if ended.returncode:  # as it does without us: with CPython 3.13.0 the library crashes there
        without = run_python(KEPT_TO_THE_END.replace("tollbook.instrument(", "dict("))
        assert (ended.returncode, ended.stderr) == (without.returncode, without.stderr)
    assert span.attributes["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert span.attributes["tollbook.usage.complete"] is False
    assert "error.type" not in span.attributes


# One is read by a thread that does not end, one by a task whose loop is never run again.
READ_ELSEWHERE = """
import asyncio, os, threading, tollbook, openai
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
asked = dict(model="gpt-4o", messages=[dict(role="user", content="x")], stream=True)
where = dict(api_key="k", base_url=os.environ["PROVIDER"] + "/v1")
begun = threading.Event()

def read():
    with openai.OpenAI(**where).chat.completions.create(**asked) as stream:
        for chunk in stream:
            begun.set()

async def read_some(client):
    stream = await client.chat.completions.create(**asked)
    await anext(aiter(stream))
    return stream

threading.Thread(target=read, daemon=True).start()
begun.wait()
loop = asyncio.new_event_loop()
client = openai.AsyncOpenAI(**where)
kept = loop.run_until_complete(read_some(client))
print("ends", flush=True)
"""


def test_streams_of_threads_and_loops_that_go_on_are_recorded_once_at_the_exit(
    run_python: Any, collector: Any, provider: Any
) -> None:
    provider.hold_after = 3

    ended = run_python(PATIENT + READ_ELSEWHERE)

    assert (ended.returncode, ended.stdout) == (0, "ends\n")
    complete = [span.attributes["tollbook.usage.complete"] for span in collector.spans]
    assert complete == [False, False]


# The first function that is registered runs last: after tollbook's own.
EXIT = """
import atexit, time
atexit.register(lambda: print(time.monotonic() - began))
import os, tollbook
tollbook.instrument(endpoint=os.environ["TARGET"])
for _ in range(3):
    with tollbook.call(provider="local", model="llama"):
        pass
began = time.monotonic()
"""


@pytest.mark.parametrize("down", ["refused", "hole"])
def test_the_exit_waits_at_most_two_seconds_for_a_collector_that_is_down(
    down: str, run_python: Any, request: pytest.FixtureRequest
) -> None:
    ended = run_python(EXIT, TARGET=request.getfixturevalue(down))

    assert ended.returncode == 0
    assert EXIT_TIMEOUT_S + REPORT_TIMEOUT_S < 2.0
    assert float(ended.stdout) < NO_SEND_S
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


@pytest.mark.parametrize("how", ["", "raise ValueError('the end')"])
def test_a_program_that_ends_or_fails_delivers_what_it_had(
    how: str, run_python: Any, collector: Any
) -> None:
    ended = run_python(PATIENT + EXIT + how, TARGET=collector.url)

    assert len(collector.spans) == 3
    assert float(ended.stdout) < WAIT_S
    assert ("ValueError: the end" in ended.stderr) == bool(how)


FORK = """
import os, sys, tollbook, openai
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
def call(who):
    with openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1") as client:
        with tollbook.tags(who=who):
            assert not sum(tollbook.flush(0).lost.values())
            client.chat.completions.create(model="gpt-4o", messages=[])
def stream():
    client = openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1")
    return client, client.chat.completions.create(
        model="gpt-4o", messages=[dict(role="user", content="x")], stream=True)
"""


def test_a_forked_child_sends_its_own_calls_and_only_these(run_python: Any, collector: Any) -> None:
    program = (
        FORK
        + """
client, under_way = stream()
call("parent")
child = os.fork()
if child == 0:
    call("child")
    flushed = tollbook.flush(60)
    under_way.response.close = lambda: None
    os._exit(0 if (flushed.delivered, flushed.queued, flushed.dropped) == (1, 0, 0) else 1)
assert os.waitpid(child, 0)[1] == 0
under_way.close()
client.close()
flushed = tollbook.flush(60)
assert (flushed.delivered, flushed.queued, flushed.dropped) == (2, 0, 0), flushed
"""
    )

    ended = run_python(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(collector.spans) == 3
    by_who = {span.attributes.get("tollbook.tags.who"): span.resource for span in collector.spans}
    assert set(by_who) == {"parent", "child", None}
    assert by_who["child"]["process.pid"] != by_who["parent"]["process.pid"]
    assert by_who["child"]["service.instance.id"] != by_who["parent"]["service.instance.id"]


def test_equal_requests_compress_to_equal_bytes() -> None:
    first, second = compress(b"spans" * 100), compress(b"spans" * 100)

    assert first == second
    assert gzip.decompress(first) == b"spans" * 100
