"""Messages in each receiver's form: what it needs is there; what a sender wrote is only text."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tollbook_collector.alert import payloads
from tollbook_collector.alert.finding import Finding
from tollbook_collector.alert.incident import Incident, opened
from tollbook_collector.alert.signature import headers

DOCUMENT = (Path(__file__).parents[2] / "docs/alerts.md").read_text()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KINDS = ("standard", "slack", "teams", "discord", "pagerduty", "opsgenie", "alertmanager")


def incident(**changes: Any) -> Incident:
    finding = Finding(
        tenant="default",
        kind="anomaly",
        key="4f0c2a9b6d1e8375a2c4f0e1",
        severity="critical",
        title="calls per run of team search",
        explanation="Calls per run of refund-agent rose from 12 to 140 since release 2.3.",
        started_at=NOW,
        dimensions={"team": "search"},
        channel="calls_per_run",
        so_far_usd=Decimal("41.250000000000"),
        projected_usd=Decimal(1610),
    )
    return replace(opened(finding, NOW), **changes)


def sent(kind: str, content: dict[str, Any]) -> Any:
    return json.loads(payloads.body(kind, content, "routing-key"))


def texts(value: Any) -> list[str]:
    """Return all text in a value."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_says_what_happened_and_what_it_costs(kind: str) -> None:
    said = "\n".join(texts(sent(kind, payloads.message(incident(), "incident.opened"))))

    assert "calls per run of team search" in said.replace("\\", "")
    assert "rose from 12 to 140" in said.replace("\\", "")
    assert "41.25" in said
    assert "routing-key" not in said or kind == "pagerduty"


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_and_a_digest_have_every_form(kind: str) -> None:
    trial = payloads.trial(NOW)
    both = [payloads.message(incident(severity=s), "incident.opened") for s in ("info", "critical")]

    assert "Nothing is wrong" in "\n".join(texts(sent(kind, trial)))
    assert texts(sent(kind, payloads.digest(both, NOW)))


def test_slack_reads_no_markup_and_calls_nobody() -> None:
    title = "<!channel> <https://evil.example|click> & *bold*"

    form = sent("slack", payloads.message(incident(title=title), "incident.opened"))

    assert form["text"].startswith("[critical] &lt;!channel&gt; &lt;https://evil.example|click&gt;")
    assert {block["text"]["type"] for block in form["blocks"]} == {"plain_text"}


def test_discord_calls_nobody_and_teams_shows_text_as_it_is() -> None:
    title = "@everyone [click](https://evil.example)"
    content = payloads.message(incident(title=title), "incident.opened")

    discord, teams = sent("discord", content), sent("teams", content)

    assert discord["allowed_mentions"] == {"parse": []}
    assert "[click]" not in discord["embeds"][0]["title"]
    card = teams["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"][0]["text"] == title


def test_pagerduty_and_opsgenie_know_the_end_by_the_same_name() -> None:
    begin = payloads.message(incident(), "incident.opened")
    end = payloads.message(incident(status="resolved", sequence=2), "incident.resolved")

    trigger, resolve = sent("pagerduty", begin), sent("pagerduty", end)

    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == sent("opsgenie", begin)["alias"]
    assert trigger["payload"]["severity"] == "critical"
    assert sent("opsgenie", begin)["priority"] == "P1"


def test_alertmanager_gets_labels_that_are_labels_and_an_end() -> None:
    odd = incident(dimensions={"my-dim.x": "a"}, status="resolved")

    (alert,) = sent("alertmanager", payloads.message(odd, "incident.resolved"))

    assert alert["labels"]["dimension_my_dim_x"] == "a"
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in alert["labels"])
    assert alert["endsAt"] >= alert["startsAt"]


def test_a_message_stays_small_whatever_is_in_it() -> None:
    fat = incident(
        title="x" * 200, explanation="\u00fc" * 2000, evidence=json.dumps({"a": "x" * 19_000})
    )
    contents = [payloads.message(fat, "incident.opened") for _ in range(300)]

    assert len(payloads.body("standard", contents[0])) < payloads.PAYLOAD_BYTES_MAX
    digest = payloads.body("standard", payloads.digest(contents, NOW))
    assert len(digest) < payloads.PAYLOAD_BYTES_MAX


def test_the_message_in_the_document_is_one_that_is_sent() -> None:
    (shown,) = re.findall(r"```json\n(.+?)```", DOCUMENT, re.DOTALL)

    assert json.loads(shown) == payloads.message(incident(), "incident.opened")


def test_the_document_verifies_what_is_signed_and_nothing_else() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", DOCUMENT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/alerts.md", "exec"), names)
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    body = payloads.body("standard", payloads.trial(NOW))
    now = datetime.now(UTC)
    good = headers("msg_1", now, body, [b"n" * 32, b"s" * 32])

    assert names["verified"](secret, good, body)["type"] == "test"
    late = headers("msg_1", datetime.fromtimestamp(now.timestamp() - 301, UTC), body, [b"s" * 32])
    other = headers("msg_1", now, body, [b"o" * 32])
    changed = {**good, "webhook-id": "msg_2"}
    for wrong in (late, other, changed):
        with pytest.raises(ValueError, match=r"signed|old"):
            names["verified"](secret, wrong, body)
    with pytest.raises(ValueError, match="signed"):
        names["verified"](secret, good, body + b" ")
