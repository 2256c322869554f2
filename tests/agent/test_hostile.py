"""Hostile arguments, prompts and answers: nothing of ours reaches the caller (K-1)."""

import asyncio
import os
import random
import socket
from collections.abc import Callable
from typing import Any, Final

import openai
import pytest
import uvloop

import tollbook
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, NO_SCOPE

# `make hostile` makes 100,000 of them.
CALLS: Final = int(os.environ.get("FUZZ_CALLS", "1000"))


class Hostile:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __bool__(self) -> bool:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError


def cyclic() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


VALUES: Final[list[Callable[[], Any]]] = [
    lambda: None,
    Hostile,
    cyclic,
    lambda: "\ud800",
    lambda: "x" * 100_000,
    lambda: 10**400,
    lambda: -1,
    lambda: float("nan"),
    lambda: b"\xff",
    lambda: {"a": cyclic()},
    lambda: (yield_ for yield_ in ()),
    object,
    lambda: True,
    lambda: "team",
    lambda: [{"role": "user", "content": "x"}],
]


class Surface:
    """Calls anything of the surface with anything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def any(self) -> Any:
        return self.chance.choice(VALUES)()

    def step(self, depth: int = 0) -> object:
        inner = (lambda: self.step(depth + 1)) if depth < 3 else (lambda: depth)
        return self.chance.choice(
            [self.tags, self.run, self.own_call, self.score, self.headers, self.budget, self.flush]
        )(inner)

    def tags(self, inner: Callable[[], object]) -> object:
        with tollbook.tags(team=self.any(), user=self.any(), **{"x" * 99: self.any()}):
            return inner()

    def run(self, inner: Callable[[], object]) -> object:
        with tollbook.run(self.any(), run_id=self.any()):
            return inner()

    def own_call(self, inner: Callable[[], object]) -> object:
        block = tollbook.call(
            provider=self.any(), model=self.any(), max_tokens=self.any(), input_tokens=self.any()
        )
        with block as call:
            call.usage(input_tokens=self.any(), output_tokens=self.any(), complete=True)
            call.answer(model=self.any(), response_id=self.any())
            call.first_chunk()
            return inner()

    def score(self, inner: Callable[[], object]) -> object:
        tollbook.score(self.any(), self.any(), response_id=self.any(), explanation=self.any())
        return inner()

    def headers(self, inner: Callable[[], object]) -> object:
        headers = {"baggage": self.any(), "traceparent": self.any()}
        tollbook.inject(headers)
        with tollbook.remote(headers):
            return inner()

    def budget(self, inner: Callable[[], object]) -> object:
        with tollbook.budget(tokens=10**9, unpriced="allow"):
            return inner()

    def flush(self, inner: Callable[[], object]) -> object:
        return tollbook.flush(0) and inner()


@pytest.mark.usefixtures("collector")
def test_no_exception_of_ours_reaches_the_caller_whatever_it_passes() -> None:
    seed = random.SystemRandom().randrange(2**31)
    surface = Surface(seed)

    for number in range(CALLS):
        try:
            surface.step()
        except tollbook.Refused:
            continue
        except BaseException as error:
            raise AssertionError(f"seed {seed}, call {number}") from error

    assert CURRENT.get() is NO_SCOPE


def test_the_library_fails_as_it_would_without_us_and_with_the_same_exception(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tollbook.instrument(endpoint=collector.url, content=["all"], redact=lambda text: 1 / 0)
    chance = random.Random(7)
    outcomes: list[list[str]] = []
    for on in (True, False):
        monkeypatch.setattr(PROCESS.exporter, "enabled", on)
        chance.seed(7)
        outcomes.append([])
        for _ in range(60):
            ask: Any = {
                "model": chance.choice(["gpt-4o", None, 3]),
                "messages": chance.choice(VALUES)(),
                "max_tokens": chance.choice([None, -1, "x", 10**30]),
                "stream": chance.choice([False, None]),
            }
            try:
                outcomes[-1].append(type(openai_client.chat.completions.create(**ask)).__name__)
            except Exception as error:
                outcomes[-1].append(type(error).__name__)

    metered, bare = outcomes
    assert metered == bare


def test_tasks_of_uvloop_keep_their_tags(provider: Any, collector: Any) -> None:
    room = asyncio.Semaphore(4)  # the backlog of the server is short

    async def ask(client: openai.AsyncOpenAI, number: int) -> None:
        async with room:
            await ask_once(client, number)

    async def ask_once(client: openai.AsyncOpenAI, number: int) -> None:
        with tollbook.tags(task=str(number)):
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
            )
            async for _ in stream:
                if number % 2:
                    break
            await stream.close()

    async def main() -> None:
        url = f"{provider.url}/v1"
        async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=3) as client:
            await asyncio.gather(*(ask(client, number) for number in range(16)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    flushed = tollbook.flush(10)

    tags = sorted(int(span.attributes["tollbook.tags.task"]) for span in collector.spans)
    assert (tags, flushed.lost["fault"]) == (list(range(16)), 0)


MEMORY: Final = """
import os, resource, tollbook, openai
def rss_kb():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])
tollbook.instrument(endpoint=os.environ["HOLE"], content=["all"])
import httpx2
answer = dict(id="x", object="chat.completion", model="gpt-4o", created=1, choices=[],
              usage=dict(prompt_tokens=1, completion_tokens=1, total_tokens=2))
transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer))
with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport)) as client:
    def ask(number):
        text = str(number) + "x" * 50_000
        client.chat.completions.create(model="gpt-4o", messages=[dict(role="user", content=text)])
    for number in range(20):
        ask(number)
    before = rss_kb()
    for number in range({calls}):
        ask(number)
    flushed = tollbook.flush(0)
    print(rss_kb() - before, flushed.queued + flushed.dropped)
"""


def test_memory_stays_bounded_while_the_collector_hangs(run_python: Any, collector: Any) -> None:
    calls = 450  # 22 MB of prompts
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hole:
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"
        ended = run_python(MEMORY.replace("{calls}", str(calls)), HOLE=url)

    grown_kb, ended_calls = map(int, ended.stdout.split())
    assert grown_kb <= 24 * 1024 + 16 * 1024  # the queue's bound, and as much for encoding
    assert ended_calls == calls + 20
