"""How a collector listens and ends: TLS, certificates of senders, its log, SIGTERM."""

import json
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from otlp_requests import call, request

from tollbook_collector import app, serve
from tollbook_collector.serve import TlsUnusable
from tollbook_collector.settings import Settings

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Authority:
    """A certificate authority for a test, and files of what it signs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        self.certificate = self._sign(self._name, self._key.public_key(), authority=True)
        self.file = self._write("authority.pem", self.certificate)

    def pair(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate for localhost and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key_file = self.directory / f"{name}.key"
        key_file.write_bytes(text)
        return self._write(f"{name}.pem", self._sign(subject, key.public_key())), key_file

    def _sign(self, subject: x509.Name, key: Any, authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
            )
        )
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self.directory / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


def named(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


def test_senders_need_a_certificate_and_people_need_none(
    tmp_path: Path, start_collector: Callable[..., Any]
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.pair("collector")
    sender, sender_key = authority.pair("sender")
    collector = start_collector(
        None,
        "--log-format",
        "json",
        TOLLBOOK_TLS_CERTIFICATE=str(certificate),
        TOLLBOOK_TLS_KEY=str(key),
        TOLLBOOK_TLS_CLIENT_CA=str(authority.file),
        TOLLBOOK_LOG_LEVEL="info",
    )
    body = request([call("openai", "gpt-4o", 1, 1)])
    stranger = ssl.create_default_context(cafile=str(authority.file))
    known = ssl.create_default_context(cafile=str(authority.file))
    known.load_cert_chain(sender, sender_key)

    def export(context: ssl.SSLContext) -> int:
        headers = {"content-type": "application/x-protobuf"}
        asked = urllib.request.Request(f"{named(collector.otlp_http)}/v1/traces", body, headers)
        with urllib.request.urlopen(asked, timeout=30, context=context) as answer:
            return int(answer.status)

    def export_grpc(*pair: bytes) -> bytes:
        credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair)
        with grpc.secure_channel(named(collector.otlp_grpc), credentials) as channel:
            return bytes(channel.unary_unary(EXPORT)(body, timeout=10))

    assert collector.otlp_http.startswith("https://")
    assert export(known) == 200
    assert export_grpc(sender_key.read_bytes(), sender.read_bytes()) == b""
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        export(stranger)
    with pytest.raises(grpc.RpcError):
        export_grpc()
    with urllib.request.urlopen(
        f"{named(collector.api)}/live", timeout=30, context=stranger
    ) as live:
        assert json.load(live) == {"live": True}
    collector.process.send_signal(signal.SIGTERM)
    assert collector.stop() == 0
    events = [json.loads(line) for line in collector.log.read_text().splitlines()]
    assert any(event["message"].startswith("stopping") for event in events)


def test_the_times_that_an_end_may_take_are_20_seconds_together() -> None:
    assert serve.LISTENING_ENDS_S + app.DRAIN_S <= 20
    assert app.DUTIES_END_S < app.INSERTS_END_S < app.DRAIN_S


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_certificate": "a.pem"}, "both or neither"),
        ({"tls_client_ca": "a.pem"}, "TOLLBOOK_TLS_CERTIFICATE"),
        ({"tls_certificate": "no-such.pem", "tls_key": "no-such.key"}, "no-such.pem"),
    ],
)
async def test_tls_that_cannot_be_used_stops_the_start(given: dict[str, str], said: str) -> None:
    with pytest.raises(TlsUnusable, match=said):
        await serve.serve(Settings(**given), lambda _: None)


async def test_a_certificate_with_the_key_of_another_stops_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, _ = authority.pair("one")
    _, key = authority.pair("two")
    settings = Settings(tls_certificate=str(certificate), tls_key=str(key))

    with pytest.raises(TlsUnusable, match=r"one\.pem"):
        await serve.serve(settings, lambda _: None)
