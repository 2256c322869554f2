"""Where alerts go: `[[webhooks]]` of tollbook.toml, with secrets by reference."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tollbook_collector.alert.address import AddressRefused, Network, target
from tollbook_collector.alert.signature import SECRETS_MAX, WrongSecret, secret_bytes
from tollbook_collector.policy import Section

WEBHOOKS_MAX: Final = 100
SECRET_FILE_BYTES_MAX: Final = 4_096
Kind = Literal[
    "standard", "slack", "teams", "discord", "pagerduty", "opsgenie", "alertmanager", "email"
]
FIXED_URLS: Final = {
    "pagerduty": "https://events.pagerduty.com/v2/enqueue",
    "opsgenie": "https://api.opsgenie.com/v2/alerts",
}
KEYED: Final = ("pagerduty", "opsgenie")


class SecretMissing(Exception):
    """A secret is not where its reference says; the message names the reference."""


def read_secret(reference: str) -> str:
    """Return what `env:NAME` or `file:PATH` refers to, without the line's end.

    Raises:
        SecretMissing: The variable is not set or empty, or the file cannot be read.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
    else:
        try:
            with Path(name).open(encoding="utf-8") as file:
                value = file.read(SECRET_FILE_BYTES_MAX)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissing(f"{reference} cannot be read: {type(error).__name__}") from None
    if not value.strip():
        raise SecretMissing(f"{reference} is empty")
    return value.strip()


def _reference(value: str) -> str:
    if not value.startswith(("env:", "file:")):
        raise ValueError("a secret is named as env:NAME or file:PATH, never written here")
    return value


def _networks(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    try:
        return tuple(ipaddress.ip_network(str(network)) for network in value)
    except ValueError as error:
        raise ValueError(f"not a network, as in 10.2.0.0/16: {error}") from None


Reference = Annotated[str, AfterValidator(_reference)]


class Webhook(Section):
    """One place that alerts go to.

    Attributes:
        name: Names it in routes, logs and screens.
        kind: The form that it is sent in; standard is Standard Webhooks.
        url: Where to; env:NAME or file:PATH where it is a secret, as Slack's are. PagerDuty and
            Opsgenie have their own.
        secrets: References to `whsec_…`: the newest first, and the old one while receivers change.
        key: Reference to PagerDuty's routing key or Opsgenie's API key.
        networks: Networks besides everybody's that it may be in, as 10.2.0.0/16; there, http and
            any port are allowed.
        ports: Ports besides 443.
        to: Addresses of e-mail.
        sender: Address that e-mail is from.
        user: User at the mail server; empty: none is needed.
        password: Reference to that user's password.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
    kind: Kind = "standard"
    url: str = ""
    secrets: Annotated[tuple[Reference, ...], Field(max_length=SECRETS_MAX)] = ()
    key: Reference | None = None
    networks: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = ()
    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(max_length=10)] = ()
    to: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^\s@,<>]+@[^\s@,<>]+$")], ...], Field(max_length=50)
    ] = ()
    sender: str = Field(default="", pattern=r"^([^\s@,<>]+@[^\s@,<>]+)?$")
    user: str = ""
    password: Reference | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        url = self.url or FIXED_URLS.get(self.kind, "")
        if not url:
            raise ValueError(f"{self.name} has no url")
        if self.kind == "standard" and not self.secrets:
            raise ValueError(f"{self.name} has no secrets; a receiver could not tell who sent it")
        if self.kind in KEYED and self.key is None:
            raise ValueError(f"{self.name} has no key")
        if self.kind == "email" and not (self.to and self.sender):
            raise ValueError(f"{self.name} needs to and sender")
        if not url.startswith(("env:", "file:")):
            self._check(url)
        return self

    def _check(self, url: str) -> None:
        try:
            if self.kind == "email":
                mail_server(url)
            else:
                target(url, self.networks, self.ports)
        except AddressRefused as refusal:
            raise ValueError(f"{self.name}: {refusal}") from None

    def address(self) -> str:
        """Return the URL, read from where it is kept.

        Raises:
            SecretMissing: It is not there.
        """
        url = self.url or FIXED_URLS[self.kind]
        return read_secret(url) if url.startswith(("env:", "file:")) else url

    def signing(self) -> list[bytes]:
        """Return the secrets, the newest first.

        Raises:
            SecretMissing, WrongSecret: One is not there, or is none.
        """
        return [secret_bytes(read_secret(reference)) for reference in self.secrets]


def mail_server(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether TLS comes first, of smtp://host:587 or smtps://host.

    Raises:
        AddressRefused: It is no such URL.
    """
    scheme, separator, rest = url.partition("://")
    host, _, port = rest.partition(":")
    if scheme not in ("smtp", "smtps") or not separator or not host or "@" in rest or "/" in rest:
        raise AddressRefused("a mail server is named as smtp://host:587 or smtps://host")
    if port and not (port.isdigit() and 1 <= int(port) <= 65535):
        raise AddressRefused(f"{port!r} is not a port")
    return host, int(port or (465 if scheme == "smtps" else 587)), scheme == "smtps"


class Webhooks(Section):
    """The section `[[webhooks]]`."""

    entries: Annotated[tuple[Webhook, ...], Field(max_length=WEBHOOKS_MAX)] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [webhook.name for webhook in self.entries]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the webhook {twice[0]!r} is there twice; names are unique")
        return self


def missing_secrets(webhooks: Sequence[Webhook]) -> list[str]:
    """Return what is wrong with the secrets of webhooks, a line each; empty: all are there."""
    wrong = []
    for webhook in webhooks:
        try:
            webhook.address()
            webhook.signing()
            for reference in (webhook.key, webhook.password):
                if reference is not None:
                    read_secret(reference)
        except (SecretMissing, WrongSecret) as missing:
            wrong.append(f"webhook {webhook.name}: {missing}")
    return wrong
