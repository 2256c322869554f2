"""Messages as each receiver wants them: one content, eight forms; pure.

What came in a span is data here: escaped where a form has markup, and cut where it has limits.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.alert.incident import Incident

PAYLOAD_BYTES_MAX: Final = 20_000
EVIDENCE_CHARACTERS_MAX: Final = 8_000
# Of a digest: the most pressing are told in full, the rest is counted.
DIGEST_MAX: Final = 20
COLOURS: Final = {"critical": 0xC92A2A, "warning": 0xE8890C, "info": 0x4C6EF5}
PAGERDUTY: Final = {"critical": "critical", "warning": "warning", "info": "info"}
OPSGENIE: Final = {"critical": "P1", "warning": "P3", "info": "P5"}
TEAMS: Final = {"critical": "attention", "warning": "warning", "info": "accent"}


def message(incident: Incident, event: str) -> dict[str, Any]:
    """Return news of an incident as Standard Webhooks have it: type, timestamp, data."""
    evidence = incident.evidence if len(incident.evidence) <= EVIDENCE_CHARACTERS_MAX else "{}"
    data = {
        "incident": incident.incident,
        "sequence": incident.sequence,
        "tenant": incident.tenant,
        "event": incident.event,
        "status": incident.status,
        "severity": incident.severity,
        "kind": incident.kind,
        "channel": incident.channel,
        "title": incident.title,
        "explanation": incident.explanation,
        "dimensions": dict(incident.dimensions),
        "started_at": _instant(incident.started_at),
        "opened_at": _instant(incident.opened_at),
        "owner": incident.owner,
        "so_far_usd": _money(incident.so_far_usd),
        "projected_usd": _money(incident.projected_usd),
        "evidence": json.loads(evidence or "{}"),
    }
    return {"type": event, "timestamp": _instant(incident.at), "data": data}


def digest(messages: Sequence[Mapping[str, Any]], at: datetime) -> dict[str, Any]:
    """Return several messages as one: the most pressing in full, the rest counted."""
    order = ("critical", "warning", "info")
    pressing = sorted(messages, key=lambda m: order.index(m["data"]["severity"]))
    told = [
        {**m, "data": {k: v for k, v in m["data"].items() if k != "evidence"}}
        for m in pressing[:DIGEST_MAX]
    ]
    while len(json.dumps(told)) > PAYLOAD_BYTES_MAX and len(told) > 1:
        told.pop()
    severity = pressing[0]["data"]["severity"]
    data: dict[str, Any] = {
        "title": f"{len(messages)} alerts, the worst {severity}",
        "severity": severity,
        "count": len(messages),
        "messages": told,
    }
    return {"type": "digest", "timestamp": _instant(at), "data": data}


def trial(at: datetime) -> dict[str, Any]:
    """Return a message that says nothing but that it arrives."""
    data: dict[str, Any] = {
        "incident": "inc_000000000000",
        "severity": "info",
        "status": "open",
        "title": "A test of tollbook",
        "explanation": "Somebody asked for this message to see that it arrives. Nothing is wrong.",
        "dimensions": {},
        "so_far_usd": None,
        "projected_usd": None,
        "started_at": _instant(at),
        "owner": "",
    }
    return {"type": "test", "timestamp": _instant(at), "data": data}


def body(kind: str, content: Mapping[str, Any], key: str = "") -> bytes:
    """Return the bytes that a receiver of a kind gets.

    Args:
        kind: Of the webhook.
        content: What `message`, `digest` or `trial` returned.
        key: PagerDuty's routing key; it is in the body there.
    """
    forms = {
        "slack": _slack,
        "teams": _teams,
        "discord": _discord,
        "opsgenie": _opsgenie,
        "alertmanager": _alertmanager,
    }
    if kind == "pagerduty":
        form: Any = _pagerduty(content, key)
    elif kind in forms:
        form = forms[kind](content)
    else:
        form = content
    return json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()


def headline(content: Mapping[str, Any]) -> str:
    """Return one line: what happened to what."""
    word = {"incident.resolved": "Resolved: ", "incident.escalated": "Worse: "}
    return f"{word.get(content['type'], '')}{content['data']['title']}"


def lines(content: Mapping[str, Any]) -> list[str]:
    """Return what there is to say below the headline, a line each."""
    data = content["data"]
    if content["type"] == "digest":
        told = [f"{m['data']['severity']}: {headline(m)}" for m in data["messages"]]
        left_out = data["count"] - len(told)
        return [*told, *([f"and {left_out} more"] if left_out else [])]
    return [data["explanation"], *(f"{name}: {value}" for name, value in facts(data).items())]


def facts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known of an incident besides its words, those that there are."""
    known = {
        "So far": _dollars(data["so_far_usd"]),
        "By month end": _dollars(data["projected_usd"]),
        "About": ", ".join(f"{k}={v}" for k, v in data["dimensions"].items()),
        "Since": data["started_at"],
        "Owner": data["owner"],
        "Incident": data["incident"],
    }
    return {name: value for name, value in known.items() if value}


def _slack(content: Mapping[str, Any]) -> dict[str, Any]:
    def escaped(text: str) -> str:
        # The three that Slack's markup takes; so no <!channel> and no link of a sender's.
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    data = content["data"]
    text = escaped("\n".join(lines(content)))[:2900]
    return {
        "text": escaped(f"[{data['severity']}] {headline(content)}")[:2900],
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": headline(content)[:150], "emoji": False},
            },
            {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}},
        ],
    }


def _teams(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content["data"]

    def block(text: str, **style: Any) -> dict[str, Any]:
        # A text run shows its text as it is, where a text block would read markdown.
        run = {"type": "TextRun", "text": text[:2000], **style}
        return {"type": "RichTextBlock", "inlines": [run]}

    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            block(
                headline(content),
                weight="bolder",
                size="medium",
                color=TEAMS[data["severity"]],
            ),
            *(block(line) for line in lines(content)),
        ],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _discord(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content["data"]

    def inert(text: str) -> str:
        for character in "\\`*_~|>[]()#<@":
            text = text.replace(character, "\\" + character)
        return text

    return {
        "content": "",
        # Nobody is called by a name that a sender wrote.
        "allowed_mentions": {"parse": []},
        "embeds": [
            {
                "title": inert(headline(content))[:256],
                "description": inert("\n".join(lines(content)))[:4000],
                "color": COLOURS[data["severity"]],
                "timestamp": content["timestamp"],
            }
        ],
    }


def _pagerduty(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    data = content["data"]
    action = "resolve" if content["type"] == "incident.resolved" else "trigger"
    event: dict[str, Any] = {
        "routing_key": key,
        "event_action": action,
        "dedup_key": _about(content),
    }
    if action == "trigger":
        event["payload"] = {
            "summary": headline(content)[:1024],
            "source": data.get("tenant", "tollbook"),
            "severity": PAGERDUTY[data["severity"]],
            "timestamp": content["timestamp"],
            "component": "tollbook",
            "class": content["type"],
            "custom_details": {"text": "\n".join(lines(content)), **data},
        }
    return event


def _opsgenie(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content["data"]
    return {
        "message": headline(content)[:130],
        "alias": _about(content)[:512],
        "description": "\n".join(lines(content))[:15_000],
        "priority": OPSGENIE[data["severity"]],
        "source": "tollbook",
        "tags": ["tollbook", content["type"]],
        "details": {k: str(v) for k, v in data.get("dimensions", {}).items()},
    }


def _alertmanager(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = content["data"]["messages"] if content["type"] == "digest" else [content]
    alerts = []
    for one in messages:
        data = one["data"]
        alert: dict[str, Any] = {
            "labels": {
                "alertname": f"tollbook_{data.get('kind', 'test')}",
                "severity": data["severity"],
                "incident": data["incident"],
                "tenant": data.get("tenant", ""),
                **{f"dimension_{_label(k)}": str(v) for k, v in data["dimensions"].items()},
            },
            "annotations": {"summary": headline(one), "description": "\n".join(lines(one))},
            "startsAt": data["started_at"],
        }
        if data["status"] == "resolved":
            alert["endsAt"] = one["timestamp"]
        alerts.append(alert)
    return alerts


def _label(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def _about(content: Mapping[str, Any]) -> str:
    """Return what messages about the same thing share."""
    about = content["data"].get("incident") or f"digest-{content['timestamp']}"
    return f"tollbook/{about}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _money(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")


def _dollars(value: str | None) -> str:
    return "" if value is None else f"${Decimal(value):,.2f}"
