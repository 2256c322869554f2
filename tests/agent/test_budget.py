"""Budgets, loops and breakers: what stops a call before it is made, exactly, under concurrency."""

import asyncio
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tollbook
from tollbook import budgets, circuit, estimate
from tollbook.process import PROCESS
from tollbook.settings import SettingInvalid

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "max_tokens": 153}
# What the provider answers: 1207 tokens of input, 1031 of them cached, and 153 of output.
USED_USD = (
    Decimal("176") * Decimal("0.0000025")
    + Decimal("1031") * Decimal("0.00000125")
    + (Decimal("153") * Decimal("0.00001"))
)
Delivered = Callable[[], list[Any]]
pytestmark = pytest.mark.usefixtures("collector")


def own_call(used: int, *, expected: int | None = None) -> None:
    """Make a call of the program's own that is estimated at one number and uses another."""
    block = tollbook.call(
        provider="local",
        model="llama",
        max_tokens=0,
        input_tokens=used if expected is None else expected,
    )
    with block as call:
        call.usage(input_tokens=used, output_tokens=0)


def test_the_call_that_would_cross_the_budget_is_not_made(
    openai_client: openai.OpenAI, provider: Any, collector: Any
) -> None:
    with tollbook.budget(usd="0.0032") as budget:
        openai_client.chat.completions.create(**CHAT)
        assert budget.spent_usd == USED_USD == Decimal("0.00325875")
        with pytest.raises(tollbook.BudgetExceeded, match=r"0\.0032 usd has -") as raised:
            openai_client.chat.completions.create(**CHAT)

    tollbook.flush(10)
    assert len(provider.bodies) == 1
    assert raised.value.measure == "usd"
    assert raised.value.limit == Decimal("0.0032")
    assert [span.attributes.get("error.type") for span in collector.spans] == [
        None,
        "BudgetExceeded",
    ]


def test_what_a_call_did_not_need_comes_back_when_it_ends() -> None:
    with tollbook.budget(tokens=100) as budget:
        for _ in range(10):
            own_call(10, expected=90 if budget.spent_tokens < 10 else 1)

    assert (budget.spent_tokens, budget.spent_calls) == (100, 10)


def test_a_stream_holds_its_estimate_until_it_ends(openai_client: openai.OpenAI) -> None:
    asked: Any = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}

    with tollbook.budget(usd=1) as budget:
        stream = openai_client.chat.completions.create(**asked)
        held = budget.held_usd
        list(stream)

    # One byte of text is one token, a message is eight, at 2.50; 153 tokens of output at 10.
    tokens = -(-(1 + len("user")) // 2) + 8
    assert held == tokens * Decimal("0.0000025") + 153 * Decimal("0.00001")
    assert (budget.held_usd, budget.spent_usd) == (0, USED_USD)


def test_a_stream_that_is_given_up_counts_as_it_was_estimated(
    openai_client: openai.OpenAI,
) -> None:
    with tollbook.budget(usd=1) as budget:
        stream = openai_client.chat.completions.create(**CHAT, stream=True)
        held = budget.held_usd
        stream.close()

    assert budget.spent_usd >= held > 0
    assert budget.held_usd == 0


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_call_that_the_provider_refused_costs_nothing(
    status: int, openai_client: openai.OpenAI, provider: Any
) -> None:
    provider.statuses = [status]

    with tollbook.budget(usd=1) as budget, pytest.raises(openai.APIStatusError):
        openai_client.chat.completions.create(**CHAT)

    assert (budget.spent_usd, budget.held_usd, budget.spent_calls) == (0, 0, 1)


def test_budgets_nest_and_the_one_that_refuses_leaves_nothing_held_in_the_others() -> None:
    with tollbook.budget(calls=5) as outer, tollbook.budget(calls=1) as inner:
        own_call(1)
        with pytest.raises(tollbook.BudgetExceeded, match="1 calls"):
            own_call(1)
        with pytest.raises(tollbook.BudgetExceeded):
            own_call(1)

    assert (outer.spent_calls, inner.spent_calls) == (1, 1)


def test_a_warning_lets_the_call_be_made(caplog: pytest.LogCaptureFixture) -> None:
    with tollbook.budget(calls=1, exceeded="warn") as budget:
        own_call(1)
        own_call(1)

    assert budget.spent_calls == 2
    assert "budget of 1 calls has 0 left" in caplog.text


@pytest.mark.parametrize("raw", [False, True])
def test_another_model_is_asked_where_the_first_does_not_fit(
    raw: bool, openai_client: openai.OpenAI, provider: Any
) -> None:
    body: Any = dict(CHAT)
    create = openai_client.chat.completions.create

    with tollbook.budget(usd="0.001", fallback="gpt-4o-mini"):
        if raw:
            openai_client.post("/chat/completions", body=body, cast_to=object)
        else:
            create(**body, extra_body={"model": "gpt-4o", "x": 1})

    assert provider.bodies[0]["model"] == "gpt-4o-mini"
    assert provider.bodies[0].get("x") == (None if raw else 1)
    assert body == CHAT


def test_a_person_is_asked_and_the_call_is_made_only_if_they_say_so() -> None:
    asked: list[Any] = []

    def approve(refused: Any) -> bool:
        asked.append((refused.measure, refused.limit))
        return len(asked) == 1

    with tollbook.budget(calls=1, approve=approve) as budget:
        own_call(1)
        own_call(1)
        with pytest.raises(tollbook.BudgetExceeded):
            own_call(1)

    assert budget.spent_calls == 2
    assert asked == [("calls", 1)] * 2


async def test_an_async_call_waits_for_an_async_approval(
    async_openai_client: openai.AsyncOpenAI, provider: Any
) -> None:
    async def approve(refused: tollbook.Refused) -> bool:
        await asyncio.sleep(0)
        return refused.attempt.model == "gpt-4o"

    async with tollbook.budget(usd="0.0001", approve=approve):
        await async_openai_client.chat.completions.create(**CHAT)
        with pytest.raises(tollbook.BudgetExceeded):
            await async_openai_client.chat.completions.create(
                **{**CHAT, "model": "gpt-4o-mini", "max_tokens": 9999}
            )

    assert len(provider.bodies) == 1


def test_a_model_without_a_price_is_refused_by_a_budget_in_dollars_unless_it_is_allowed() -> None:
    with (
        tollbook.budget(usd=1),
        pytest.raises(tollbook.BudgetExceeded, match=r"no known price.*unpriced='allow'"),
    ):
        own_call(1)

    with tollbook.budget(usd=1, unpriced="allow") as budget:
        own_call(1)
    assert (budget.spent_usd, budget.spent_calls) == (0, 1)


def test_budgets_of_a_day_share_by_key_and_begin_anew_the_next_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    today = ["2026-11-21"]

    class Clock(budgets.datetime):  # type: ignore[misc, name-defined]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromisoformat(f"{today[0]}T12:00:00+00:00")

    monkeypatch.setattr(budgets, "datetime", Clock)

    @tollbook.budget(calls=2, per="day", key="acme")
    def ask() -> None:
        own_call(1)

    ask()
    ask()
    with pytest.raises(tollbook.BudgetExceeded, match="'acme'"):
        ask()
    with tollbook.budget(calls=2, per="day", key="zenith"):
        own_call(1)
    with tollbook.budget(calls=3, per="month", key="acme"):
        own_call(1)
    today[0] = "2026-11-22"
    ask()


def test_a_budget_of_a_run_begins_anew_with_each_run() -> None:
    with tollbook.budget(calls=1, per="run", key="x"):
        for _ in range(3):
            with tollbook.run("task"):
                own_call(1)
                with pytest.raises(tollbook.BudgetExceeded):
                    own_call(1)


def test_the_spending_that_is_remembered_is_bounded_and_what_is_forgotten_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budgets, "LEDGERS_MAX", 2)

    for key in ("a", "b", "c"):
        with tollbook.budget(calls=1, per="day", key=key):
            own_call(1)

    assert PROCESS.losses.values()["budget_forgotten"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"usd": 0},
        {"usd": "-1"},
        {"usd": "nan"},
        {"usd": "x"},
        {"tokens": 0},
        {"calls": 1.5},
        {"calls": 1, "per": "week"},
        {"calls": 1, "exceeded": "stop"},
    ],
)
def test_a_budget_that_cannot_be_used_is_refused_at_once(arguments: Any) -> None:
    with pytest.raises(SettingInvalid):
        tollbook.budget(**arguments)


def test_the_call_is_made_where_the_limits_themselves_fail(
    openai_client: openai.OpenAI, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(body: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(estimate, "size_of", broken)

    with tollbook.budget(calls=1):
        openai_client.chat.completions.create(**CHAT)

    assert len(provider.bodies) == 1
    assert PROCESS.losses.values()["fault"] == 1


# 64 threads, 256 tasks: more is never spent than the limit and what calls under way needed beyond
# their own estimates; where estimates are not too small, never more than the limit.
COSTS = st.lists(st.tuples(st.integers(0, 50), st.integers(-20, 20)), min_size=8, max_size=64)
QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def overspending_allowed(costs: list[tuple[int, int]]) -> int:
    return max((max(-over, 0) for _, over in costs), default=0)


def try_call(cost: tuple[int, int], made: list[int]) -> None:
    used, over = cost
    try:
        own_call(used, expected=max(used + over, 0))
    except tollbook.BudgetExceeded:
        return
    made.append(used)


@QUICK
@given(costs=COSTS, limit=st.integers(1, 800))
def test_64_threads_never_overspend(costs: list[tuple[int, int]], limit: int) -> None:
    costs = [(used, max(over, 0)) for used, over in costs]
    made: list[int] = []
    budget = tollbook.budget(tokens=limit)
    gate = threading.Barrier(64)

    def work(number: int) -> None:
        gate.wait()
        with budget:
            try_call(costs[number % len(costs)], made)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(made) == budget.spent_tokens <= limit
    assert budget.held_usd == 0


@QUICK
@given(costs=COSTS, limit=st.integers(1, 3000), order=st.randoms(use_true_random=False))
def test_256_tasks_never_overspend(costs: list[tuple[int, int]], limit: int, order: Any) -> None:
    costs = [(used, max(over, 0)) for used, over in costs]
    made: list[int] = []

    async def work(number: int) -> None:
        used, over = costs[number % len(costs)]
        try:
            async with tollbook.call(
                provider="local", model="llama", max_tokens=0, input_tokens=used + over
            ) as call:
                for _ in range(order.randrange(4)):
                    await asyncio.sleep(0)
                call.usage(input_tokens=used, output_tokens=0)
        except tollbook.BudgetExceeded:
            return
        made.append(used)

    async def all_of_them() -> Any:
        with tollbook.budget(tokens=limit) as budget:
            await asyncio.gather(*map(work, range(256)))
        return budget

    budget = asyncio.run(all_of_them())

    assert sum(made) == budget.spent_tokens <= limit


class Metering(httpx2.BaseTransport):
    """Answers at once; a prompt has a token a byte, which is twice what was estimated."""

    def __init__(self) -> None:
        self.gate = threading.Barrier(CALLERS)
        self.errors: list[int] = []  # of the calls that were made
        self.usd = Decimal(0)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.read())
        size = estimate.size_of(asked)
        tokens = len(asked["messages"][0]["content"].encode()) + len("user") + 8
        used = asked.get("max_tokens", 6000)
        usage = {"prompt_tokens": tokens, "completion_tokens": used, "total_tokens": tokens + used}
        choice = {"index": 0, "message": {"role": "assistant", "content": ""}}
        held = min(asked.get("max_tokens", estimate.OUTPUT_TOKENS_ASSUMED), used)
        self.errors.append(tokens - size.likely_tokens() + used - held)
        answer = {"id": "x", "object": "chat.completion", "model": "gpt-4o", "created": 1}
        return httpx2.Response(200, json={**answer, "choices": [choice], "usage": usage})


CALLERS = 64


@QUICK
@given(
    sizes=st.lists(st.tuples(st.integers(0, 9000), st.booleans()), min_size=4, max_size=64),
    limit=st.integers(1, 200_000),
)
def test_calls_that_are_all_underestimated_at_once_overspend_by_one_calls_error(
    sizes: list[tuple[int, bool]], limit: int
) -> None:
    transport = Metering()
    budget = tollbook.budget(tokens=limit)

    def work(number: int) -> None:
        size, limited = sizes[number % len(sizes)]
        asked: Any = {**CHAT, "messages": [{"role": "user", "content": "é" * size}]}
        if not limited:
            del asked["max_tokens"]
        transport.gate.wait()
        try:
            with budget:
                client.chat.completions.create(**asked)
        except tollbook.BudgetExceeded:
            return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport)) as client:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert budget.spent_tokens <= limit + max(transport.errors, default=0)
    assert budget.spent_calls == len(transport.errors)
    assert tollbook.flush(0).lost["fault"] == 0


def test_calls_under_way_are_counted_at_the_most_they_can_need_unless_it_is_not_strict(
    openai_client: openai.OpenAI,
) -> None:
    ask: Any = {"model": "gpt-4o", "messages": CHAT["messages"], "stream": True}

    # Two answers of 4096 tokens at 10 dollars a million would fit; two of 131,072 would not.
    with tollbook.budget(usd="0.10"):
        under_way = openai_client.chat.completions.create(**ask)
        with pytest.raises(tollbook.BudgetExceeded, match=r"strict=False") as raised:
            openai_client.chat.completions.create(**ask)
        under_way.close()
    with tollbook.budget(usd="0.10", strict=False):
        for _ in range(2):
            openai_client.chat.completions.create(**ask).close()

    name_bytes, text_bytes = len("role") + len("content"), len("user") + len("x")
    error_tokens = name_bytes + text_bytes - -(-text_bytes // 2)
    assert raised.value.uncertain == (131_072 - 4096) * Decimal("0.00001") + error_tokens * Decimal(
        "0.0000025"
    )


@QUICK
@given(costs=COSTS, limit=st.integers(1, 800))
def test_calls_in_turn_overspend_by_one_calls_estimate_error_at_most(
    costs: list[tuple[int, int]], limit: int
) -> None:
    made: list[int] = []

    with tollbook.budget(tokens=limit):
        for cost in costs:
            try_call(cost, made)

    assert sum(made) <= limit + overspending_allowed(costs)


def test_a_run_that_repeats_itself_is_stopped(openai_client: openai.OpenAI, provider: Any) -> None:
    ask = openai_client.chat.completions.create

    with tollbook.run("agent", repeats_max=2):
        ask(**CHAT)
        ask(**{**CHAT, "model": "gpt-4o-mini"})
        ask(**CHAT)
        with pytest.raises(tollbook.LoopDetected, match=r"'agent'.*2 times"):
            ask(**CHAT)
    with tollbook.run("agent", repeats_max=2):
        ask(**CHAT)

    assert len(provider.bodies) == 4


def test_a_breaker_opens_after_failures_tries_once_and_closes_again(
    openai_client: openai.OpenAI, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(circuit, "monotonic", lambda: now[0])
    provider.statuses = [500, 500, 500]
    ask = openai_client.chat.completions.create

    @tollbook.breaker(errors=2, open_s=30)
    def careful() -> Any:
        return ask(**CHAT)

    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            careful()
    with pytest.raises(tollbook.CircuitOpen, match=r"another 30\.0 s"):
        careful()
    now[0] += 31
    with pytest.raises(openai.InternalServerError):
        careful()
    with pytest.raises(tollbook.CircuitOpen):
        careful()
    now[0] += 31
    careful()
    careful()

    assert len(provider.bodies) == 5


def test_a_breaker_counts_slow_calls_and_falls_back(
    openai_client: openai.OpenAI, provider: Any
) -> None:
    with tollbook.breaker(errors=1, slower_than_s=1e-9, fallback="gpt-4o-mini"):
        openai_client.chat.completions.create(**CHAT)
        openai_client.chat.completions.create(**CHAT)

    assert [body["model"] for body in provider.bodies] == ["gpt-4o", "gpt-4o-mini"]
