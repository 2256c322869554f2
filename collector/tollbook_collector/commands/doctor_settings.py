"""What of the settings keeps a collector from working: names, keys, TLS, files, the store."""

import difflib
import ssl
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from tollbook_collector.app import SECTIONS
from tollbook_collector.commands.finding import Finding
from tollbook_collector.intake.key_file import KeyFile, KeyFileUnusable
from tollbook_collector.intake.keys import id_of
from tollbook_collector.money.own_book import UnreadablePrices
from tollbook_collector.money.seed import read_book
from tollbook_collector.policy import Policy, UnreadablePolicy
from tollbook_collector.settings import Settings, is_loopback
from tollbook_collector.store.client import (
    ClickHouse,
    ServerTooOld,
    StoreAddress,
    StoreRefused,
    StoreUnavailable,
)

PREFIX: Final = "TOLLBOOK_"
# Of the SDK and the commands; the collector's own are the fields of its settings.
OTHER_NAMES: Final = frozenset(
    [
        "API_KEY",
        "API_URL",
        "AUTHOR",
        "BUDGET_USD",
        "CONTENT",
        "CONTENT_CHARS_MAX",
        "DIGEST_KEY",
        "DISABLED",
        "ENDPOINT",
        "HANDLE_SIGTERM",
        "KEY",
        "LIMITS",
        "LIMITS_ENDPOINT",
        "PSEUDONYMS",
        "SERVICE",
        "SPAN_DIRECTORY",
        "STREAM_USAGE",
        "WEBHOOK_SECRETS",
    ]
)
EXPIRES_SOON_DAYS: Final = 14


def names(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look for variables that nobody reads: settings that were mistyped."""
    known = {name.upper() for name in Settings.model_fields} | OTHER_NAMES
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if not variable.startswith(PREFIX) or name in known:
            continue
        close = difflib.get_close_matches(name, known, 1)
        # Kubernetes makes these of a Service that is named tollbook.
        linked = name.startswith(("PORT", "SERVICE_HOST", "SERVICE_PORT"))
        yield Finding(
            "note",
            f"{variable} is set, and nobody reads it",
            f"did you mean {PREFIX}{close[0]}?"
            if close
            else "set enableServiceLinks: false"
            if linked
            else "remove it",
        )


def addresses(settings: Settings) -> Finding:
    """Look whether two ports are one."""
    given = [settings.otlp_http, settings.otlp_grpc, settings.api]
    twice = sorted({a for a in given if given.count(a) > 1 and not a.endswith(":0")})
    if twice:
        return Finding(
            "bad",
            f"{twice[0]} is named for two things",
            "OTLP over HTTP, OTLP over gRPC and the API need an address each",
        )
    return Finding("ok", "every port is named once")


def keys(settings: Settings) -> Iterator[Finding]:
    """Look whether who listens to others has keys, whose pepper the fleet shares."""
    outside = [
        address
        for address in (settings.otlp_http, settings.otlp_grpc, settings.api)
        if not is_loopback(address)
    ]
    try:
        made = bool(KeyFile(settings.data / "keys", settings.key_pepper).keys())
    except (KeyFileUnusable, OSError) as error:
        yield Finding("bad", f"keys cannot be read: {error}")
        return
    if settings.first_key and not id_of(settings.first_key):
        yield Finding(
            "bad",
            "TOLLBOOK_FIRST_KEY has not the form of a key: a letter is missing or wrong",
            "make one: tollbook keys create --data \"$(mktemp -d)\" --tenant '*' --scope admin",
        )
    elif outside and not made and not settings.first_key and not settings.clickhouse_url:
        yield Finding(
            "bad",
            f"{outside[0]} can be reached from other machines, and there are no keys",
            "make one: tollbook keys create --tenant NAME --scope ingest",
        )
    else:
        yield Finding("ok", "who is let in is settled")
    if settings.clickhouse_url and not settings.key_pepper:
        yield Finding(
            "note",
            "collectors that share a ClickHouse share its keys, and this one has a pepper of its"
            " own: keys made elsewhere are refused here",
            "give all of them the same TOLLBOOK_KEY_PEPPER",
        )
    if outside and not settings.tls_certificate:
        yield Finding(
            "note",
            f"{outside[0]} is reached from other machines without TLS",
            "TOLLBOOK_TLS_CERTIFICATE and TOLLBOOK_TLS_KEY, or a proxy that speaks it",
        )


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look whether the certificate can be used, and for how long."""
    if not settings.tls_certificate and not settings.tls_key:
        return
    files = f"{settings.tls_certificate or '(none)'} and {settings.tls_key or '(none)'}"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, lambda: "")
        shown = x509.load_pem_x509_certificate(Path(settings.tls_certificate).read_bytes())
    except (OSError, ValueError) as error:
        yield Finding("bad", f"{files} cannot be used for TLS: {error}", "name a pair in PEM")
        return
    ends = shown.not_valid_after_utc
    days = (ends - now).days
    if days < 0:
        yield Finding("bad", f"the certificate ended on {ends:%Y-%m-%d}", "renew it, and restart")
    elif days < EXPIRES_SOON_DAYS:
        yield Finding("note", f"the certificate ends in {days} days", "renew it, and restart")
    else:
        yield Finding("ok", f"the certificate is good until {ends:%Y-%m-%d}")
    if Path(settings.tls_key).stat().st_mode & 0o077:
        yield Finding(
            "note", f"others can read {settings.tls_key}", f"chmod 600 {settings.tls_key}"
        )


def files(settings: Settings) -> Iterator[Finding]:
    """Look whether what people wrote can be obeyed."""
    try:
        Policy(settings.policy, SECTIONS)
        yield Finding("ok", f"{settings.policy} can be obeyed")
    except UnreadablePolicy as error:
        yield Finding("bad", str(error), "the old one stays in force until it is right")
    try:
        read_book(settings.data / "prices")
        yield Finding("ok", "the price files can be read")
    except UnreadablePrices as error:
        yield Finding("bad", str(error), "prices of it are not in force")


def secrets(settings: Settings) -> Finding:
    """Look whether others can read what only the collector should."""
    paths = [settings.data / "keys" / "pepper", settings.data / "store" / "secret"]
    open_ones = [path for path in paths if path.exists() and path.stat().st_mode & 0o077]
    if open_ones:
        return Finding(
            "bad", f"others can read {open_ones[0]}", f"chmod 600 {open_ones[0]}, or make it anew"
        )
    return Finding("ok", "secrets are the collector's own")


def server(settings: Settings) -> Finding:
    """Look whether the ClickHouse of the settings can be used."""
    if not settings.clickhouse_url:
        if settings.clickhouse_cluster:
            return Finding(
                "bad",
                "TOLLBOOK_CLICKHOUSE_CLUSTER is set without TOLLBOOK_CLICKHOUSE_URL",
                "name the server, or unset it: the embedded store is no cluster",
            )
        return Finding("ok", "the store is the embedded one")
    address = StoreAddress(
        settings.clickhouse_url,
        settings.clickhouse_user,
        settings.clickhouse_password,
        settings.clickhouse_database,
        settings.clickhouse_cluster,
    )
    try:
        ClickHouse(address).close()
    except (ServerTooOld, StoreRefused, StoreUnavailable) as error:
        return Finding(
            "bad",
            f"{settings.clickhouse_url}: {error}",
            "spans would wait in the spool: check address, user, password and version",
        )
    return Finding("ok", f"{settings.clickhouse_url} answers, and is new enough")


def everything(
    settings: Settings, environment: Mapping[str, str], now: datetime
) -> Iterable[Finding]:
    """Yield all that can be said of the settings, in the order of the README."""
    yield from names(environment)
    yield addresses(settings)
    yield from keys(settings)
    yield from certificate(settings, now)
    yield from files(settings)
    yield secrets(settings)
    yield server(settings)
