"""The demo, run for real: real trace, real clients, embedded store; every row and digit counted."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from rich.console import Console

from tollbook_collector.demo import run
from tollbook_collector.demo.answers import HEADER, header_of
from tollbook_collector.demo.plan import PlannedCall, PlanTooLong, plan_calls
from tollbook_collector.demo.replay import Clients, Replay, UnplannedOutcome, make_call
from tollbook_collector.settings import Settings

CALLS = 300
WAIT_S = 120.0  # for what must happen; a test that waits so long fails
ANY_PORTS = [f"--{name}=127.0.0.1:0" for name in ("otlp-http", "otlp-grpc", "api")]

# What a user may have set for their own programs; the demo is to be the same with it.
ENVIRONMENT = {
    "TOLLBOOK_DISABLED": "true",
    "TOLLBOOK_CLICKHOUSE_URL": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
}

# US dollars per million tokens as OpenAI and Anthropic publish them: input, read from the cache,
# written to it for 5 minutes, for an hour, output. OpenAI's caches are not written to by the plan.
USD_PER_MILLION = {
    "gpt-6.1-sol": ("2", "0.1", None, None, "10"),
    "gpt-6.1-terra": ("1", "0.05", None, None, "5"),
    "gpt-6-luna": ("0.1", "0.01", None, None, "0.5"),
    "gpt-5-mini": ("0.25", "0.025", None, None, "2"),
    "claude-opus-5-5": ("4", "0.2", "5", "8", "20"),
    "claude-sonnet-5-5": ("2", "0.1", "2.5", "4", "10"),
    "claude-haiku-5-5": ("0.1", "0.01", "0.125", "0.2", "0.5"),
}


def cost_usd(call: PlannedCall) -> Decimal:
    """Return what a call costs by the published rates; a failed one costs nothing."""
    if call.error_status is not None:
        return Decimal(0)
    quantities = (
        call.input_tokens - call.cache_read_tokens - call.cache_write_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens - call.cache_write_1h_tokens,
        call.cache_write_1h_tokens,
        call.output_tokens,
    )
    rates = USD_PER_MILLION[call.model]
    assert all(rate is not None for rate, tokens in zip(rates, quantities, strict=True) if tokens)
    return sum(
        (Decimal(rate or 0) * tokens for rate, tokens in zip(rates, quantities, strict=True)),
        Decimal(0),
    ) / Decimal(1_000_000)


def processes_of_session(session: int) -> list[int]:
    """Return the processes of a session that run; those that ended and wait to be reaped do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


class Running:
    """A demo in a session of its own."""

    def __init__(self, *arguments: str, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tollbook_collector", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(directory), "COLUMNS": "100", **ENVIRONMENT},
            start_new_session=True,
        )

    def read_until(self, text: str) -> str:
        """Return what it prints up to a line with this text."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if text in line:
                break
        return "".join(lines)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def close(self) -> None:
        for pid in processes_of_session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(WAIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    demos = []

    def start(*arguments: str) -> Running:
        demos.append(Running(*arguments, directory=tmp_path))
        return demos[-1]

    yield start
    for demo in demos:
        demo.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tollbook_collector.demo.provider", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def clients(provider: str) -> Iterator[Clients]:
    clients = Clients.at(provider)
    yield clients
    clients.close()


def test_the_demo_stores_every_call_at_its_published_price_and_leaves_nothing_behind(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    expected_usd = sum((cost_usd(call) for call in plan_calls(CALLS)), Decimal(0))

    demo = start("--json", "--calls", str(CALLS))
    screen, _ = demo.process.communicate(timeout=WAIT_S)

    assert demo.process.returncode == 0, screen
    result = json.loads(screen.splitlines()[-1])
    assert list(result) == ["calls", "rows", "cost_usd", "seconds"]
    assert result["calls"] == CALLS
    assert result["rows"] == CALLS
    assert Decimal(result["cost_usd"]) == expected_usd
    assert all(title in screen for title in ("Spend by model", "Spend by team", "Latency"))
    assert list(tmp_path.iterdir()) == []
    assert processes_of_session(demo.process.pid) == []


@dataclass
class Group:
    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def test_the_demo_serves_until_ctrl_c_and_each_group_of_calls_costs_what_it_should(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    by = ("service", "team", "feature", "customer", "model")
    expected: defaultdict[tuple[str, ...], Group] = defaultdict(Group)
    for call in plan_calls(CALLS):
        group = expected[tuple(getattr(call, name) for name in by)]
        group.calls += 1
        if call.error_status is not None:
            group.errors += 1
            continue
        group.input_tokens += call.input_tokens
        group.cache_read_tokens += call.cache_read_tokens
        group.output_tokens += call.output_tokens
        group.cost_usd += cost_usd(call)

    demo = start("--calls", str(CALLS), "--data", str(tmp_path / "data"), *ANY_PORTS)
    screen = demo.read_until("Serving until Ctrl-C")
    found = re.search(r"(http://127\.0\.0\.1:\d+)/v1/spend", screen)
    assert found, screen
    url = f"{found[1]}/v1/spend?since=2h&by={','.join(by)}"
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        rows = json.load(answer)["rows"]
    status = demo.end(signal.SIGINT)

    stored = {
        tuple(row["dimensions"][name] for name in by): Group(
            **{
                name: Decimal(row[name]) if name == "cost_usd" else row[name]
                for name in Group.__dataclass_fields__
            }
        )
        for row in rows
    }
    assert stored == expected
    assert sum(group.errors for group in expected.values()) > 0
    assert all(row["unpriced_calls"] == 0 for row in rows)
    assert status == 0
    assert processes_of_session(demo.process.pid) == []


def test_a_demo_that_is_killed_takes_its_processes_along(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    demo = start("--calls", "1", "--data", str(tmp_path / "data"), *ANY_PORTS)
    screen = demo.read_until("Serving until Ctrl-C")
    assert len(processes_of_session(demo.process.pid)) >= 3, screen

    demo.end(signal.SIGKILL)

    assert wait_until(lambda: processes_of_session(demo.process.pid) == [])


def test_a_port_in_use_is_named_together_with_the_way_out(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        demo = start("--otlp-http", address, "--data", str(tmp_path / "data"), *ANY_PORTS[1:])
        screen, _ = demo.process.communicate(timeout=WAIT_S)

    assert demo.process.returncode == 1
    assert f"cannot listen on {address}" in screen
    assert "--otlp-http" in screen
    assert processes_of_session(demo.process.pid) == []


def test_without_the_clients_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    console = Console(record=True, width=100, quiet=False, file=(tmp_path / "screen").open("w"))

    status = run.run_demo(Settings(data=tmp_path / "data"), CALLS, True, console)

    console.file.close()
    assert status == 2
    assert "pip install openai anthropic" in console.export_text()
    assert not (tmp_path / "data").exists()


def test_the_plan_is_the_same_every_time_and_a_longer_one_begins_with_it() -> None:
    short, again, long = plan_calls(CALLS), plan_calls(CALLS), plan_calls(2 * CALLS)

    assert short == again
    assert long[:CALLS] == short


def test_the_plan_takes_its_tokens_from_the_trace() -> None:
    first_code, first_chat = (
        next(call for call in plan_calls(10) if call.service == service)
        for service in ("code-assistant", "chat")
    )

    # The first lines of the two files as they were published.
    assert (first_code.input_tokens, first_code.output_tokens) == (4808, 10)
    assert (first_chat.input_tokens, first_chat.output_tokens) == (374, 44)


def test_the_whole_trace_is_planned_with_the_shares_that_were_wanted() -> None:
    plan = plan_calls(28_185)

    services = Counter(call.service for call in plan)
    failed = Counter(call.error_status for call in plan if call.error_status)
    streamed = sum(call.stream for call in plan)
    written = [call for call in plan if call.cache_write_tokens]
    assert services == {"code-assistant": 8_819, "chat": 19_366}
    assert {call.model for call in plan} == set(USD_PER_MILLION)
    assert {call.provider for call in written} == {"anthropic"}
    assert {call.api for call in plan} == {"chat_completions", "responses", "messages"}
    assert failed.keys() == {429, 500}
    assert sum(failed.values()) == pytest.approx(0.015 * len(plan), rel=0.2)
    assert 0.4 < streamed / len(plan) < 0.7
    assert any(call.cache_write_1h_tokens for call in written)
    assert any(not call.cache_write_1h_tokens for call in written)


def test_no_part_of_a_planned_call_is_more_than_the_whole() -> None:
    for call in plan_calls(28_185):
        assert call.cache_read_tokens + call.cache_write_tokens <= call.input_tokens
        assert 0 <= call.cache_write_1h_tokens <= call.cache_write_tokens
        assert 0 <= call.reasoning_tokens <= call.output_tokens
        assert 0 < call.first_chunk_ms <= call.duration_ms
        if call.provider == "openai":
            assert call.cache_read_tokens % 128 == 0


def test_more_calls_than_the_trace_has_are_refused() -> None:
    with pytest.raises(PlanTooLong, match=r"28,186 calls asked for, but the trace has 28,185"):
        plan_calls(28_186)


# All numbers differ, so that each can be told from the others.
CALL = PlannedCall(
    number=7,
    service="chat",
    team="support",
    feature="answer",
    customer="cobalt-air",
    provider="openai",
    api="chat_completions",
    model="gpt-5-mini",
    stream=False,
    input_tokens=5003,
    cache_read_tokens=2048,
    cache_write_tokens=0,
    cache_write_1h_tokens=0,
    output_tokens=211,
    reasoning_tokens=64,
    first_chunk_ms=1.0,
    duration_ms=2.0,
    error_status=None,
)
MESSAGE = replace(
    CALL,
    provider="anthropic",
    api="messages",
    model="claude-opus-5-5",
    cache_write_tokens=1500,
    cache_write_1h_tokens=400,
)


def test_chat_completions_report_the_planned_usage(clients: Clients) -> None:
    headers = {HEADER: header_of(CALL)}
    create = clients.openai.chat.completions.create
    asked: dict[str, Any] = {
        "model": CALL.model,
        "messages": [{"role": "user", "content": "?"}],
        "extra_headers": headers,
    }

    whole = create(**asked)
    chunks = list(create(**asked, stream=True, stream_options={"include_usage": True}))
    without = list(create(**asked, stream=True))

    for usage in (whole.usage, chunks[-1].usage):
        assert (usage.prompt_tokens, usage.completion_tokens) == (5003, 211)
        assert usage.total_tokens == 5003 + 211
        assert usage.prompt_tokens_details.cached_tokens == 2048
        assert usage.completion_tokens_details.reasoning_tokens == 64
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert said.strip() == whole.choices[0].message.content
    assert all(chunk.usage is None for chunk in without)


def test_responses_report_the_planned_usage(clients: Clients) -> None:
    create = clients.openai.responses.create
    asked: dict[str, Any] = {
        "model": "gpt-6.1-sol",
        "input": "?",
        "extra_headers": {HEADER: header_of(CALL)},
    }

    whole = create(**asked)
    events = list(create(**asked, stream=True))

    assert events[-1].type == "response.completed"
    for usage in (whole.usage, events[-1].response.usage):
        assert (usage.input_tokens, usage.output_tokens) == (5003, 211)
        assert usage.input_tokens_details.cached_tokens == 2048
        assert usage.output_tokens_details.reasoning_tokens == 64
    assert events[-1].response.output_text == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_messages_report_the_planned_usage_without_cached_input(clients: Clients) -> None:
    asked: dict[str, Any] = {
        "model": MESSAGE.model,
        "max_tokens": 512,
        "messages": [{"role": "user", "content": "?"}],
        "extra_headers": {HEADER: header_of(MESSAGE)},
    }

    whole = clients.anthropic.messages.create(**asked)
    with clients.anthropic.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    for message in (whole, streamed):
        usage = message.usage
        assert usage.input_tokens == 5003 - 2048 - 1500
        assert usage.cache_read_input_tokens == 2048
        assert usage.cache_creation_input_tokens == 1500
        assert usage.cache_creation.ephemeral_5m_input_tokens == 1500 - 400
        assert usage.cache_creation.ephemeral_1h_input_tokens == 400
        assert usage.output_tokens == 211
        assert usage.output_tokens_details.thinking_tokens == 64
    assert streamed.content[0].text.strip() == whole.content[0].text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("call", [CALL, replace(CALL, api="responses"), MESSAGE])
@pytest.mark.parametrize(
    ("status", "openai_error", "anthropic_error"),
    [
        (429, openai.RateLimitError, anthropic.RateLimitError),
        (500, openai.InternalServerError, anthropic.InternalServerError),
    ],
)
def test_a_planned_error_reaches_the_caller_as_its_client_has_it(
    clients: Clients,
    call: PlannedCall,
    stream: bool,
    status: int,
    openai_error: type[Exception],
    anthropic_error: type[Exception],
) -> None:
    failing = replace(call, stream=stream, error_status=status)
    error = openai_error if call.provider == "openai" else anthropic_error

    returned = make_call(clients, failing)
    with pytest.raises(error, match="the demo planned"):
        _ask(clients, failing)

    assert returned == status


def _ask(clients: Clients, call: PlannedCall) -> None:
    asked: dict[str, Any] = {"model": call.model, "extra_headers": {HEADER: header_of(call)}}
    if call.api == "messages":
        clients.anthropic.messages.create(**asked, max_tokens=1, messages=[])
    elif call.api == "responses":
        clients.openai.responses.create(**asked, input="?")
    else:
        clients.openai.chat.completions.create(**asked, messages=[])


def test_a_program_of_ones_own_gets_an_answer_without_the_header(clients: Clients) -> None:
    answer = clients.openai.responses.create(model="gpt-6-luna", input="word " * 100)

    assert answer.output_text == "This is the answer of a local provider."
    assert answer.usage is not None
    assert answer.usage.input_tokens > 100
    assert answer.usage.output_tokens == 8


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}"])
def test_a_request_without_a_model_is_refused_and_the_provider_goes_on(
    provider: str, clients: Clients, body: bytes
) -> None:
    request = urllib.request.Request(f"{provider}/v1/responses", data=body)

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=WAIT_S)
    refused.value.close()

    assert refused.value.code == 400
    assert make_call(clients, CALL) is None


def test_a_call_that_does_not_end_as_planned_ends_the_replay(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollbook_collector.demo.replay.make_call", lambda *_: 429)
    replay = Replay(clients, [replace(CALL, number=number) for number in range(1000)])

    with pytest.raises(UnplannedOutcome, match="was to end with an answer, and ended with 429"):
        replay.run()

    assert replay.done == 0
