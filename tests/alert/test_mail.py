"""Alerts by e-mail: to a checked server, with headers that nobody can add to."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from tollbook_collector.alert import mail, payloads
from tollbook_collector.alert.webhooks import Webhook

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail as RFC 5321 says, as far as one message needs it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Session)


class Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.taken.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def webhook(server: MailServer, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> Webhook:
    return Webhook.model_validate(
        {
            "name": "mail",
            "kind": "email",
            "url": f"smtp://127.0.0.1:{server.server_address[1]}",
            "networks": networks,
            "to": ["ops@example.com", "fin@example.com"],
            "sender": "tollbook@example.com",
        }
    )


def test_an_alert_arrives_as_mail_under_its_id(server: MailServer) -> None:
    content = payloads.trial(NOW)
    content["data"]["title"] = "a\r\nBcc: everybody@example.com"

    outcome = mail.send(webhook(server), "msg_1", content)

    assert outcome.delivered
    found = message_from_bytes(server.taken[0], policy=policy.default)
    assert found["Subject"] == "[info] a Bcc: everybody@example.com"
    assert found["Bcc"] is None
    assert found["To"] == "ops@example.com, fin@example.com"
    assert found["Message-ID"] == "<msg_1@tollbook.invalid>"
    assert "Nothing is wrong" in found.get_content()


def test_a_mail_server_that_is_not_everybodys_gets_nothing_unless_it_is_named(
    server: MailServer,
) -> None:
    outcome = mail.send(webhook(server, ()), "msg_1", payloads.trial(NOW))

    assert outcome.refused
    assert server.taken == []


def test_a_password_is_not_sent_in_the_clear(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    signed_in = webhook(server).model_copy(update={"user": "u", "password": "env:MAIL_PASSWORD"})

    outcome = mail.send(signed_in, "msg_1", payloads.trial(NOW))

    assert "no TLS" in outcome.error
    assert server.taken == []
