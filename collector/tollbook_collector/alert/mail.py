"""Sends an alert as e-mail, to a checked address of a mail server."""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

from tollbook_collector.alert.address import AddressRefused, Target, connect
from tollbook_collector.alert.payloads import headline, lines
from tollbook_collector.alert.post import Outcome
from tollbook_collector.alert.webhooks import Webhook, mail_server, read_secret

TIMEOUT_S: Final = 15.0
SUBJECT_CHARACTERS_MAX: Final = 200


def send(webhook: Webhook, message: str, content: Mapping[str, Any]) -> Outcome:
    """Send a message and return what came of it.

    Args:
        webhook: Of kind email.
        message: Its id, in the header Message-ID, so that a second delivery is recognised.
        content: What is told.

    Raises:
        SecretMissing: The password is not there.
    """
    password = read_secret(webhook.password) if webhook.password is not None else ""
    mail = _mail(webhook, message, content)
    try:
        host, port, tls_first = mail_server(webhook.address())
        with _Checked(webhook, host, port, tls_first) as server:
            if not tls_first and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if webhook.user:
                # A password never travels in the clear: without TLS there is no sign-in.
                if not isinstance(server.sock, ssl.SSLSocket):
                    return Outcome(0, f"{host} offers no TLS, so the password was not sent")
                server.login(webhook.user, password)
            server.send_message(mail)
    except AddressRefused as refusal:
        return Outcome(0, str(refusal), refused=True)
    except smtplib.SMTPResponseException as error:
        return Outcome(error.smtp_code, f"the mail server answered {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(0, f"the mail server took nothing: {type(error).__name__}")
    return Outcome(250, "")


def _mail(webhook: Webhook, message: str, content: Mapping[str, Any]) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    # A line's end in a title would begin another header.
    subject = " ".join(headline(content).split())[:SUBJECT_CHARACTERS_MAX]
    mail["Subject"] = f"[{content['data']['severity']}] {subject}"
    mail["From"] = webhook.sender
    mail["To"] = ", ".join(webhook.to)
    mail["Message-ID"] = f"<{message}@tollbook.invalid>"
    mail.set_content("\n".join(lines(content)) + "\n")
    return mail


class _Checked(smtplib.SMTP):
    """A mail connection whose address was checked before it was opened."""

    def __init__(self, webhook: Webhook, host: str, port: int, tls_first: bool) -> None:
        self._webhook = webhook
        self._tls_first = tls_first
        super().__init__(host, port, timeout=TIMEOUT_S)
        self.ehlo_or_helo_if_needed()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # A mail server of everybody's may be asked at its own port.
        where = Target("https", host, port, "/")
        connection = connect(where, self._webhook.networks, timeout, ports=(port,))
        connection.settimeout(timeout)
        if self._tls_first:
            return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        return connection
