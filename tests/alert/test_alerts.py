"""Alerts: planned once, delivered at least once under one id, and never a storm."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, receiver
from waiting import wait_until

from tollbook_collector.alert import incident as steps
from tollbook_collector.alert import outbox
from tollbook_collector.alert.deliver import Deliver, UnknownWebhook
from tollbook_collector.alert.finding import Finding
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.alert.plan import Plan
from tollbook_collector.alert.routes import Quiet, Route, Routes, in_force, unknown_webhooks
from tollbook_collector.alert.signature import headers
from tollbook_collector.alert.webhooks import Webhook, Webhooks
from tollbook_collector.answer.alerts import alerts, attempts
from tollbook_collector.policy import Policy, UnreadablePolicy
from tollbook_collector.store.client import ClickHouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = b"s" * 32
WAIT_S = 30.0


class World:
    """A store, incidents, a plan and a delivery, on one clock and one receiver."""

    def __init__(self, store: ClickHouse, hook: Webhook, *routes: Route) -> None:
        self.store = store
        self.at = NOW
        self.hooks = [hook]
        self.routes = in_force(routes, self.hooks)
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a collector that was killed."""
        self.incidents = Incidents(lambda: self.store, self.clock)
        self.plan = Plan(lambda: self.store, lambda: self.routes, self.clock)
        self.sending = Deliver(
            lambda: self.store, lambda: self.hooks, lambda: self.routes, self.clock
        )

    def clock(self) -> datetime:
        return self.at

    def round(self, *findings: Finding) -> None:
        """Tell findings, plan and deliver."""
        self.incidents.tell(findings)
        self.plan.plan()
        self.send()

    def send(self) -> None:
        self.sending.deliver()
        self.sending.wait(WAIT_S)
        assert not [line for line in self.sending.troubles() if "cannot be sent" in line]

    def states(self) -> list[str]:
        return sorted(row["state"] for row in alerts(self.store, "t"))


@pytest.fixture
def receiving() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def hook(receiving: Receiver, tmp_path: Path) -> Webhook:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    return Webhook(
        name="ops", url=receiving.url, secrets=(f"file:{secret}",), networks=("127.0.0.0/8",)
    )


MakeWorld = Callable[..., World]


@pytest.fixture
def world(emptied: ClickHouse, hook: Webhook) -> Iterator[MakeWorld]:
    made: list[World] = []

    def make(*routes: Route) -> World:
        made.append(World(emptied, hook, *routes))
        return made[-1]

    yield make
    for one in made:
        one.sending.close()


def found(key: str = "a", **changes: Any) -> Finding:
    plain = Finding(
        tenant="t",
        kind="anomaly",
        key=key,
        severity="warning",
        title="spend of team search",
        explanation="Calls per run rose from 12 to 140.",
        started_at=NOW - timedelta(minutes=2),
        dimensions={"team": key},
        channel="spend",
        so_far_usd=Decimal(41),
        projected_usd=Decimal(610),
    )
    return replace(plain, **changes)


def test_an_incident_reaches_its_receiver_signed_once_and_its_end_too(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()

    here.round(found())
    here.round(found())
    here.restart()
    here.round(found())
    here.round(found(ended_at=NOW))

    assert [json.loads(r.body)["type"] for r in receiving.requests] == [
        "incident.opened",
        "incident.resolved",
    ]
    first = receiving.requests[0]
    at = datetime.fromtimestamp(int(first.headers["webhook-timestamp"]), UTC)
    signed = headers(first.headers["webhook-id"], at, first.body, [SECRET])
    assert first.headers["webhook-signature"] == signed["webhook-signature"]
    data = json.loads(first.body)["data"]
    assert (data["so_far_usd"], data["dimensions"]) == ("41", {"team": "a"})
    assert here.states() == ["delivered", "delivered"]


def test_a_collector_killed_after_sending_sends_again_under_the_same_id(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    here.incidents.tell([found()])
    here.plan.plan()
    (waiting,) = outbox.read(here.store, "queries/alerts_due")
    here.send()

    # What was written after the try is lost: the state before it is the newest.
    outbox.write(here.store, [waiting])
    here.restart()
    here.send()

    assert len(receiving.requests) == 2
    assert len(set(receiving.ids)) == 1


class Killed(BaseException):
    """Stands for the end of the process."""


class DiesAt:
    """A store whose client dies at an insert, counted from the start: before it, or after."""

    def __init__(self, clickhouse: ClickHouse, insert: int, after: bool) -> None:
        self._clickhouse, self._left, self._after = clickhouse, insert, after
        self.rows = clickhouse.rows

    def insert(self, *arguments: Any) -> None:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Killed
        self._clickhouse.insert(*arguments)
        if self._left < 0:
            raise Killed


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("insert", range(4), ids=["incident", "plan", "try", "outcome"])
def test_killed_at_any_step_an_incident_is_told_at_least_once_and_under_one_id(
    world: MakeWorld, receiving: Receiver, insert: int, after: bool
) -> None:
    here = world()
    here.store = DiesAt(here.store, insert, after)  # type: ignore[assignment]
    with pytest.raises(Killed):
        here.round(found())

    again = world()
    again.round(found())
    again.round(found())

    assert 1 <= len(receiving.requests) <= 2
    assert len(set(receiving.ids)) == 1
    assert again.states() == ["delivered"]


def test_the_bytes_that_were_signed_are_the_bytes_that_are_sent(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()

    here.round(found(title="Überlauf\n„team“ \u2028 \U0001f4b8", explanation="a\r\nb\tc"))

    (told,) = receiving.requests
    # By the words of the specification, and by nothing of ours.
    signed = f"{told.headers['webhook-id']}.{told.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(SECRET, signed + told.body, hashlib.sha256).digest()
    assert told.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert json.loads(told.body)["data"]["title"] == "Überlauf\n„team“ \u2028 \U0001f4b8"


def test_each_try_is_signed_at_its_own_time_so_that_no_receiver_finds_it_too_old(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    receiving.answers = [(500, {})]
    here.round(found())
    here.at += timedelta(hours=20)
    here.send()

    tries = [int(one.headers["webhook-timestamp"]) for one in receiving.requests]

    assert tries == [int(NOW.timestamp()), int((NOW + timedelta(hours=20)).timestamp())]


def test_a_receiver_that_does_not_answer_delays_no_other(
    world: MakeWorld, receiving: Receiver, hook: Webhook
) -> None:
    here = world()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        here.hooks.append(hook.model_copy(update={"name": "silent", "url": url}))
        here.routes = in_force((), here.hooks)
        here.sending = Deliver(lambda: here.store, lambda: here.hooks, now=here.clock)
        here.incidents.tell([found()])
        here.plan.plan()

        here.sending.deliver()
        wait_until(lambda: len(receiving.requests) == 1)
        still_trying = not here.sending._busy["silent"].done()
        silent.accept()[0].close()
        here.sending.wait(WAIT_S)

    assert still_trying


def test_a_receiver_that_fails_is_tried_for_75_hours_and_then_its_message_is_dead(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    receiving.answers = [(500, {})] * 10
    here.round(found())

    while outbox.read(here.store, "queries/alerts_due"):
        (waiting,) = outbox.read(here.store, "queries/alerts_due")
        here.at = waiting.next_at - timedelta(seconds=1)
        here.send()  # too early
        here.at = waiting.next_at
        here.restart()
        here.send()

    (row,) = alerts(here.store, "t", "dead")
    assert (row["attempts"], row["reason"]) == (10, "answered 500")
    assert len(set(receiving.ids)) == 1
    tries = [one["status"] for one in attempts(here.store, "t", row["message"])]
    assert tries == [500] * 10
    expected = sum((wait for wait in outbox.SCHEDULE), timedelta())
    assert expected == timedelta(hours=75, minutes=35, seconds=5)
    assert abs((here.at - NOW) / expected - 1) <= outbox.JITTER

    assert here.sending.replay("t", row["message"][:10]) == [row["message"]]
    here.send()

    assert here.states() == ["delivered"]
    assert len(set(receiving.ids)) == 1


def test_a_receiver_that_asks_for_time_gets_it(world: MakeWorld, receiving: Receiver) -> None:
    here = world()
    receiving.answers = [(429, {"retry-after": "3600"})]

    here.round(found())

    (waiting,) = outbox.read(here.store, "queries/alerts_due")
    assert waiting.next_at == NOW + timedelta(hours=1)


def test_a_receiver_that_is_gone_is_left_alone_until_a_test_arrives(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    receiving.answers = [(410, {})]

    here.round(found("a"))
    here.restart()
    here.round(found("b"))

    assert len(receiving.requests) == 1
    assert here.states() == ["dead", "dead"]
    assert here.sending.troubles() == ["webhook ops is gone: it answered 410"]
    assert here.sending.test("ops", "t").delivered
    assert here.sending.troubles() == []
    with pytest.raises(UnknownWebhook, match="ops"):
        here.sending.test("nobody")


def test_a_redirect_is_a_failure_and_is_not_followed(world: MakeWorld, receiving: Receiver) -> None:
    here = world()
    with receiver() as elsewhere:
        receiving.answers = [(302, {"location": elsewhere.url})]

        here.round(found())

        assert elsewhere.requests == []
    (row,) = alerts(here.store, "t", "waiting")
    assert row["reason"] == "answered 302; redirects are not followed"


def test_an_answer_of_many_bytes_is_not_read_and_not_kept(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    receiving.answers = [(500, {})]
    receiving.body = b"whsec_c2VjcmV0c2VjcmV0 \x1b[31m" + b"x" * 1_000_000

    here.round(found())

    (row,) = alerts(here.store, "t", "waiting")
    assert len(row["reason"]) < 300
    assert "c2VjcmV0" not in row["reason"]
    assert "\x1b" not in row["reason"]


def test_many_incidents_at_once_are_one_message(world: MakeWorld, receiving: Receiver) -> None:
    here = world()

    here.round(*(found(f"team-{number}") for number in range(40)))

    (request,) = receiving.requests
    content = json.loads(request.body)
    assert (content["type"], content["data"]["count"]) == ("digest", 40)
    assert len(content["data"]["messages"]) == 20
    assert here.states() == ["delivered", *["grouped"] * 40]


def test_ten_thousand_breaches_at_once_are_a_few_messages(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()

    here.round(*(found(f"team-{number}") for number in range(10_000)))
    here.round()

    assert 1 <= len(receiving.requests) <= 20
    assert sum(json.loads(one.body)["data"]["count"] for one in receiving.requests) <= 10_000


def test_a_backlog_of_a_day_that_is_over_tells_nobody(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    day = [
        found(
            str(hour), started_at=NOW - timedelta(hours=hour), ended_at=NOW - timedelta(hours=hour)
        )
        for hour in range(7, 31)
    ]

    here.round(*day)

    assert receiving.requests == []
    assert {row["reason"] for row in alerts(here.store, "t")} == {
        "it was over before it was found",
        "that it began was not told",
    }


def test_what_comes_within_a_group_is_one_message(world: MakeWorld, receiving: Receiver) -> None:
    here = world(Route(name="r", to=("ops",), group="5m"))

    here.round(found("a"))
    here.at += timedelta(minutes=4)
    here.round(found("b"))
    before = len(receiving.requests)
    here.at += timedelta(minutes=1)
    here.send()

    assert before == 0
    (request,) = receiving.requests
    assert json.loads(request.body)["data"]["count"] == 2


def test_at_night_only_what_is_critical_is_sent_and_the_rest_in_the_morning(
    world: MakeWorld, receiving: Receiver
) -> None:
    quiet = Quiet(since="22:00", until="07:00", zone="Europe/Berlin")
    here = world(Route(name="r", to=("ops",), quiet=quiet))
    here.at = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # midnight in Berlin

    here.round(found("a"), found("b"), found("c", severity="critical"))
    at_night = [json.loads(r.body)["data"]["severity"] for r in receiving.requests]
    here.at = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # seven in Berlin
    here.send()

    assert at_night == ["critical"]
    assert json.loads(receiving.requests[1].body)["data"]["count"] == 2


@pytest.mark.parametrize(
    ("route", "taken"),
    [
        ({}, True),
        ({"severity": "critical"}, False),
        ({"where": {"team": "a"}}, True),
        ({"where": {"team": "b"}}, False),
        ({"where": {"model": "a"}}, False),
        ({"usd": 600}, True),
        ({"usd": 700}, False),
        ({"events": ["budget.*"]}, False),
        ({"events": ["incident.*"]}, True),
        ({"tenant": "other"}, False),
    ],
)
def test_a_route_takes_what_it_says(
    world: MakeWorld, receiving: Receiver, route: dict[str, Any], taken: bool
) -> None:
    here = world(Route.model_validate({"name": "r", "to": ["ops"], **route}))

    here.round(found())

    assert len(receiving.requests) == taken
    if not taken:
        assert [row["reason"] for row in alerts(here.store, "t")] == ["no route takes it"]


def test_a_snoozed_incident_is_silent_and_told_when_the_snooze_is_over(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()
    (opened,) = here.incidents.tell([found()])
    until = NOW + timedelta(hours=8)
    here.incidents.act("t", opened.incident, lambda i, now: steps.snoozed(i, now, "m", "", until))

    here.round(found(severity="critical"))  # worse, but snoozed
    while_snoozed = [json.loads(r.body)["type"] for r in receiving.requests]
    here.at = until
    here.round(found(severity="critical"))

    assert while_snoozed == ["incident.opened"]
    assert [json.loads(r.body)["type"] for r in receiving.requests[1:]] == ["incident.woken"]


def test_an_incident_that_flaps_is_told_once_within_the_cooldown(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world(Route(name="r", to=("ops",), cooldown="1h"))
    for number in range(6):
        here.at = NOW + timedelta(minutes=number)
        begun = found(f"f{number}", dimensions={}, started_at=here.at)
        here.round(begun)
        here.round(replace(begun, ended_at=here.at))

    opened = [r for r in receiving.requests if json.loads(r.body)["type"] != "incident.resolved"]
    assert len(opened) == 1


def test_a_budget_that_is_used_up_and_drift_have_events_of_their_own(
    world: MakeWorld, receiving: Receiver
) -> None:
    here = world()

    here.round(
        found("a", kind="budget", channel="exceeded"),
        found("b", kind="drift"),
        found("c", kind="silence"),
    )

    types = {json.loads(request.body)["type"] for request in receiving.requests}
    assert types == {"budget.exceeded", "retrain.suggested", "data.stopped"}


def test_a_secret_that_is_missing_is_told_and_its_message_waits(
    world: MakeWorld, receiving: Receiver, tmp_path: Path
) -> None:
    here = world()
    (tmp_path / "secret").write_text("")

    here.round(found())

    assert receiving.requests == []
    assert here.states() == ["waiting"]
    assert here.sending.troubles() == [f"webhook ops: file:{tmp_path}/secret is empty"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[webhooks]]\nname = "a"', "a has no url"),
        ('[[webhooks]]\nname = "a"\nurl = "https://x.example/"', "a has no secrets"),
        (
            '[[webhooks]]\nname = "a"\nurl = "https://x.example/"\nsecrets = ["whsec_abc"]',
            "env:NAME or file:PATH",
        ),
        (
            '[[webhooks]]\nname = "a"\nkind = "slack"\nurl = "https://169.254.169.254/"',
            "169.254.169.254 is not an address of everybody's",
        ),
        ('[[webhooks]]\nname = "a"\nkind = "pagerduty"', "a has no key"),
        (
            '[[webhooks]]\nname = "a"\nkind = "email"\nurl = "smtp://m.example"',
            "needs to and sender",
        ),
        (
            '[[webhooks]]\nname = "a"\nkind = "slack"\nurl = "env:A"\nnetworks = ["x"]',
            "not a network",
        ),
        ('[[routes]]\nname = "r"\nto = []', "routes.0.to"),
        ('[[routes]]\nname = "r"\nto = ["a"]\ncooldown = "1 hour"', "not a length of time"),
        (
            '[[routes]]\nname = "r"\nto = ["a"]\nquiet = { since = "25:00", until = "7:00" }',
            "since",
        ),
    ],
)
def test_a_webhook_or_route_that_cannot_be_obeyed_is_named(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "tollbook.toml"
    path.write_text(text)

    with pytest.raises(UnreadablePolicy, match=message):
        Policy(path, {"webhooks": Webhooks, "routes": Routes})


def test_a_route_to_nowhere_is_told(hook: Webhook) -> None:
    (line,) = unknown_webhooks([Route(name="r", to=("ops", "nowhere"))], [hook])

    assert "'r' goes to 'nowhere'" in line


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "tollbook.toml"
    path.write_text('[[webhooks]]\nname = "a"\nurl = "https://x.example/"\nsecrets = ["whsec_abc"]')

    with pytest.raises(UnreadablePolicy) as refused:
        Policy(path, {"webhooks": Webhooks})

    assert "whsec_abc" not in str(refused.value)
