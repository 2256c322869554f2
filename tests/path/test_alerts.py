"""The story: an agent loops, money goes, and a signed message says so while it happens."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from receiver import Received, Receiver, receiver
from waiting import wait_until

SECRET = b"s" * 32
WITHIN_S = 120.0
# An agent that calls its model again and again: 60 calls of 100,000 tokens at $2.50 a million.
LOOP = """
import sys
import tollbook
tollbook.instrument(service="refunds", endpoint=sys.argv[1])
with tollbook.tags(team="support"), tollbook.run("refund-agent"):
    for _ in range(60):
        with tollbook.call(provider="openai", model="gpt-4o") as call:
            call.usage(input_tokens=100_000, output_tokens=0)
flushed = tollbook.flush(timeout=120)
print(flushed)
"""
POLICY = """
[detect]
runaway_calls_min = 10

[[budgets]]
name = "refunds"
where = {{ service = "refunds" }}
usd = 10
period = "day"
hard = true
owner = "support-oncall"

[[webhooks]]
name = "ops"
url = "{url}"
secrets = ["env:TEST_ALERT_SECRET"]
networks = ["127.0.0.0/8"]
"""


def is_signed(request: Received) -> bool:
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
    digest = hmac.new(SECRET, signed.encode() + request.body, hashlib.sha256).digest()
    return request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def told_of(receiving: Receiver, kind: str) -> list[Received]:
    """Return the messages that open an incident of a kind."""
    return [
        one
        for one in receiving.requests
        if (data := json.loads(one.body)["data"])["kind"] == kind
        and data["status"] == "open"
        and json.loads(one.body)["type"] in ("incident.opened", "budget.exceeded")
    ]


def test_an_agent_that_loops_is_told_of_while_it_loops(
    start_collector: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as receiving:
        policy = tmp_path / "tollbook.toml"
        policy.write_text(POLICY.format(url=receiving.url))
        monkeypatch.setenv("TOLLBOOK_POLICY", str(policy))
        secret = base64.b64encode(SECRET).decode()
        monkeypatch.setenv("TEST_ALERT_SECRET", f"whsec_{secret}")
        collector = start_collector()

        subprocess.run([sys.executable, "-c", LOOP, collector.otlp_http], check=True, timeout=300)
        wait_until(lambda: len(told_of(receiving, "budget")) == 1, WITHIN_S)
        wait_until(lambda: len(told_of(receiving, "anomaly")) == 1, WITHIN_S)

        (told,), (loop,) = told_of(receiving, "budget"), told_of(receiving, "anomaly")
    message = json.loads(told.body)
    ((first,),) = [row.values() for row in collector.sql("SELECT min(started_at) FROM calls")]
    excess_at = datetime.fromisoformat(f"{first}+00:00").timestamp()
    assert is_signed(told)
    assert int(told.headers["webhook-timestamp"]) - excess_at <= WITHIN_S
    assert message["data"]["title"] == "Budget refunds is used up"
    assert message["data"]["so_far_usd"] == "5"  # 60 calls of 25 cents, less 10 dollars
    incidents = {row["kind"]: row for row in collector.get("/v1/incidents")["rows"]}
    assert incidents["budget"]["incident"] == message["data"]["incident"]

    # The loop itself: run -> anomaly -> incident -> message, within two minutes of its first call.
    finding = json.loads(loop.body)["data"]
    (anomaly,) = collector.sql("SELECT id, channel, series, explanation FROM anomalies")
    assert is_signed(loop)
    assert int(loop.headers["webhook-timestamp"]) - excess_at <= WITHIN_S
    assert (anomaly["channel"], anomaly["series"]["run"]) == ("loop", "refund-agent")
    assert finding["explanation"] == anomaly["explanation"]
    assert incidents["anomaly"]["incident"] == finding["incident"]


def test_a_collector_killed_before_its_message_was_taken_delivers_it_under_the_same_id(
    start_collector: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as receiving:
        receiving.answers = [(500, {})]
        policy = tmp_path / "tollbook.toml"
        policy.write_text(POLICY.format(url=receiving.url))
        monkeypatch.setenv("TOLLBOOK_POLICY", str(policy))
        secret = base64.b64encode(SECRET).decode()
        monkeypatch.setenv("TEST_ALERT_SECRET", f"whsec_{secret}")
        collector = start_collector(tmp_path / "data")
        subprocess.run([sys.executable, "-c", LOOP, collector.otlp_http], check=True, timeout=300)
        wait_until(lambda: bool(receiving.requests))

        collector.process.kill()
        collector.process.wait(180)
        refused = receiving.ids[0]
        start_collector(tmp_path / "data")
        wait_until(lambda: receiving.ids.count(refused) > 1)

        first, *again = [r for r in receiving.requests if r.headers["webhook-id"] == refused]
    assert is_signed(again[0])
    assert again[0].body == first.body
