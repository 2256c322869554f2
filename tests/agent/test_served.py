"""Limits of the collector in the SDK: obeyed before a call, shared by processes, open or closed."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import openai
import pytest
from tests.agent.conftest import Server, reply

import tollbook
from tollbook import served as served_module
from tollbook.process import PROCESS
from tollbook.served import Served, matches
from tollbook.settings import SettingInvalid, read_settings
from tollbook.tally import Losses
from tollbook_collector.answer.limits import Asking, Lender

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "max_tokens": 153}
# 1207 tokens of input, 1031 of them cached, and 153 of output.
USED_USD = Decimal("0.00325875")


class Lending(Server):
    """Answers `POST /v1/limits` as the collector does.

    Attributes:
        rows: The hard budgets.
        kills: The switches.
        status: Of the answers.
        content: In place of the usual answer.
        asked: The questions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.kills: list[dict[str, Any]] = []
        self.status = 200
        self.content: bytes | None = None
        self.asked: list[dict[str, Any]] = []
        self.lender = Lender()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.asked.append(json.loads(body))
        asking = Asking.model_validate(self.asked[-1])
        limits = self.lender.lend("t", asking, self.rows, datetime.now(UTC))
        said = json.dumps({"limits": limits, "kills": self.kills}).encode()
        reply(handler, self.status, self.content or said, {"content-type": "application/json"})

    def budget(self, remaining: str, **where: list[str]) -> None:
        now = datetime.now(UTC)
        self.rows = [
            {
                "budget": "month",
                "dimension": "",
                "value": "",
                "chosen": where,
                "limit_usd": Decimal(100),
                "remaining_usd": Decimal(remaining),
                "period_ends_at": now + timedelta(days=9),
                "measured_at": now,
            }
        ]


@pytest.fixture
def lending() -> Iterator[Lending]:
    server = Lending()
    yield server
    server.close()


Obey = Callable[..., None]


@pytest.fixture
def obey(collector: Any, lending: Lending, monkeypatch: pytest.MonkeyPatch) -> Iterator[Obey]:
    """Obey the limits of `lending`, asked for once now."""
    before = PROCESS.guards

    def begin(choice: str, *, ask: bool = True) -> None:
        monkeypatch.setenv("TOLLBOOK_LIMITS", choice)
        monkeypatch.setenv("TOLLBOOK_LIMITS_ENDPOINT", lending.url)
        tollbook.instrument(service="tests", endpoint=collector.url)
        exporter = PROCESS.exporter
        assert exporter is not None
        if ask and exporter.served is not None:
            exporter.served.ask(exporter.settings)

    yield begin
    PROCESS.guards = before


def test_a_call_that_the_lease_does_not_hold_is_not_made(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI, provider: Any
) -> None:
    lending.budget("0.003", model=["gpt-4o"])  # under a hundredth of the limit: lent whole
    obey("open")

    openai_client.chat.completions.create(**CHAT)
    with pytest.raises(tollbook.LimitReached, match=r"'month'.*-0\.00025875 usd"):
        openai_client.chat.completions.create(**CHAT)
    openai_client.chat.completions.create(**{**CHAT, "model": "gpt-4o-mini"})

    assert [body["model"] for body in provider.bodies] == ["gpt-4o", "gpt-4o-mini"]


def test_what_was_used_is_said_with_the_next_question(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI
) -> None:
    lending.budget("100")
    obey("open")

    openai_client.chat.completions.create(**CHAT)
    exporter = PROCESS.exporter
    assert exporter is not None
    assert exporter.served is not None
    exporter.served.ask(exporter.settings)

    said = [question["used"] for question in lending.asked]
    assert said[0] == []
    assert {Decimal(one["used_usd"]) for used in said[1:] for one in used} <= {0, USED_USD}
    assert len({question["program"] for question in lending.asked}) == 1


def test_a_switch_stops_the_calls_that_it_is_for_until_it_ends(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI, provider: Any
) -> None:
    over = "2026-01-01T00:00:00Z"
    lending.kills = [
        {"name": "stop", "where": {"team": ["search"]}, "reason": "incident 12", "until": None},
        {"name": "over", "where": {}, "reason": "", "until": over},
    ]
    obey("open")

    with (
        tollbook.tags(team="search"),
        pytest.raises(tollbook.Killed, match=r"'stop'.*incident 12"),
    ):
        openai_client.chat.completions.create(**CHAT)
    with tollbook.tags(team="sales"):
        openai_client.chat.completions.create(**CHAT)

    assert len(provider.bodies) == 1


@pytest.mark.parametrize(
    ("status", "content"),
    [(500, b""), (404, b""), (200, b"[]"), (200, b'{"limits": [{}]}'), (200, b"\xff")],
)
@pytest.mark.parametrize("choice", ["open", "closed"])
def test_where_limits_are_not_known_open_lets_calls_pass_and_closed_refuses_them(
    choice: str,
    status: int,
    content: bytes,
    obey: Obey,
    lending: Lending,
    openai_client: openai.OpenAI,
) -> None:
    lending.status, lending.content = status, content
    obey(choice)

    if choice == "open":
        openai_client.chat.completions.create(**CHAT)
    else:
        with pytest.raises(tollbook.LimitsUnknown, match="choose open"):
            openai_client.chat.completions.create(**CHAT)

    assert tollbook.flush(0).lost["fault"] == 0
    assert (tollbook.flush(0).lost["limits_unreadable"] > 0) == (status == 200)


def test_closed_knows_the_limits_before_the_first_call(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI, provider: Any
) -> None:
    obey("closed", ask=False)

    openai_client.chat.completions.create(**CHAT)

    assert len(provider.bodies) == 1


def test_what_was_said_too_long_ago_is_not_known(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    obey("closed")
    monkeypatch.setattr(served_module, "STALE_S", -1.0)

    with pytest.raises(tollbook.LimitsUnknown):
        openai_client.chat.completions.create(**CHAT)


def test_nothing_is_asked_for_unless_it_is_chosen(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI
) -> None:
    obey("open")
    obey("off")

    openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    assert len(lending.asked) == 1
    assert not any(isinstance(guard, Served) for guard in PROCESS.guards)


def test_the_export_thread_asks_by_itself(
    obey: Obey, lending: Lending, openai_client: openai.OpenAI
) -> None:
    obey("open", ask=False)

    openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    assert lending.asked


def test_processes_together_spend_no_more_than_the_budget_has(lending: Lending) -> None:
    lending.budget("0.5")
    settings = read_settings({"TOLLBOOK_LIMITS": "open", "TOLLBOOK_LIMITS_ENDPOINT": lending.url})
    limits = PROCESS.shared_limits()
    spent: list[Decimal] = []

    def program(name: str) -> None:
        from tollbook.admission import Admission
        from tollbook.guard import Attempt, Outcome

        one = Served(limits, Losses(), name, settings)
        attempt = Attempt("openai", "chat", "gpt-4o", 1000, 1000, 1000, 1000)
        for _ in range(40):
            one.ask(settings)
            try:
                held = Admission(limits, (one,), attempt, 1_790_000_000_000_000_000, None).decide()
            except tollbook.LimitReached:
                continue
            cost_usd = held.attempt.cost_usd
            assert cost_usd is not None
            spent.append(cost_usd)
            held.holds[0].settle(Outcome(2000, cost_usd, False, 1))

    threads = [threading.Thread(target=program, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # 1000 tokens at 2.50 and 1000 at 10 a million: 0.0125 a call, of which 40 fit.
    assert sum(spent) <= Decimal("0.5")
    assert len(spent) >= 30


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ({}, True),
        ({"model": ["a", "b"]}, True),
        ({"model": ["b"]}, False),
        ({"model": ["a"], "team": ["x"]}, False),
        ({"planet": ["mars"]}, False),
    ],
)
def test_a_call_is_chosen_where_each_dimension_has_its_value(where: Any, chosen: bool) -> None:
    assert matches(where, {"model": "a", "team": ""}) is chosen


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://localhost:4319/v1/limits"),
        ({"TOLLBOOK_ENDPOINT": "https://t.example.org"}, "https://t.example.org/v1/limits"),
        ({"TOLLBOOK_ENDPOINT": "http://[::1]:4318"}, "http://[::1]:4319/v1/limits"),
        ({"TOLLBOOK_LIMITS_ENDPOINT": "http://a:1/b/"}, "http://a:1/b/v1/limits"),
    ],
)
def test_limits_are_asked_for_at_the_collectors_api(environment: Any, url: str) -> None:
    assert read_settings(environment).limits_url == url


def test_another_choice_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="off, open, closed"):
        read_settings({"TOLLBOOK_LIMITS": "maybe"})
