"""Webhooks go nowhere that is not everybody's, however the address is spelt."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tollbook_collector.alert.address import AddressRefused, Network, connect, target
from tollbook_collector.alert.post import post

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
REFUSED_ADDRESSES = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "224.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
]


def answering(*addresses: str) -> "Resolver":
    return Resolver(addresses)


class Resolver:
    """Answers with the addresses it was made with, and counts how often it was asked."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://HOOKS.example.com:443/",
        "https://hooks.example.com.",
        "https://xn--bcher-kva.example/",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1::1]/",
    ],
)
def test_a_url_of_everybodys_may_be_a_webhook(url: str) -> None:
    assert target(url, (), ()).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "HTTP://hooks.example.com/",
        "file:///etc/passwd",
        "ftp://hooks.example.com/",
        "https://",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com/#fragment",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com/\r\nhost: other",
        "https://hooks.example.com/a b",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.0.0.1./",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://b\u00fccher.example/",
        "https://[fe80::1%25eth0]/",
        "https://::1/",
        "https://-a.example/",
        "https://" + "a" * 300 + ".example/",
        "https://hooks.example.com/" + "a" * 3000,
        *(f"https://[{a}]/" if ":" in a else f"https://{a}/" for a in REFUSED_ADDRESSES),
    ],
)
def test_what_is_no_url_of_everybodys_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises(AddressRefused):
        target(url, (), ())


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_a_name_that_leads_to_an_address_of_somebodys_is_refused_when_it_is_connected(
    address: str,
) -> None:
    where = target("https://hooks.example.com/", (), ())

    with pytest.raises(AddressRefused):
        connect(where, (), 1.0, answering(address))
    with pytest.raises(AddressRefused):
        connect(where, (), 1.0, answering("93.184.216.34", address))


def test_a_name_is_resolved_once_so_that_a_second_answer_changes_nothing() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    resolver = answering("127.0.0.1")

    where = target(f"http://hooks.example.com:{port}/", LOOPBACK, ())
    connection = connect(where, LOOPBACK, 5.0, resolver)

    assert connection.getpeername() == ("127.0.0.1", port)
    assert resolver.asked == 1
    connection.close()
    listener.close()


def test_networks_that_a_webhook_names_are_allowed_and_no_others() -> None:
    office: tuple[Network, ...] = (ipaddress.ip_network("10.2.0.0/16"),)

    assert target("http://10.2.3.4:8080/", office, ()).port == 8080
    with pytest.raises(AddressRefused):
        target("http://10.3.3.4:8080/", office, ())
    with pytest.raises(AddressRefused, match="only https"):
        connect(target("http://hooks.example.com/", office, ()), office, 1, answering("1.1.1.1"))


def test_nothing_reaches_a_port_of_this_machine_that_no_webhook_may_go_to() -> None:
    canary = socket.create_server(("127.0.0.1", 0))
    canary.setblocking(False)
    where = target("https://hooks.example.com:443/", (), ())

    outcome = post(where, (), b"{}", {}, resolver=answering("127.0.0.1"))

    assert outcome.refused
    assert "not an address of everybody's" in outcome.error
    with pytest.raises(BlockingIOError):
        canary.accept()
    canary.close()


def test_a_receiver_that_drips_is_cut_off_in_time() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not stopping.wait(0.05):
                try:
                    connection.sendall(b"x: y\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    where = target(f"http://127.0.0.1:{listener.getsockname()[1]}/", LOOPBACK, ())

    outcome = post(where, LOOPBACK, b"{}", {}, total_s=0.5)

    stopping.set()
    thread.join()
    listener.close()
    assert not outcome.delivered


def test_a_receiver_that_resets_the_connection_has_not_taken_it() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def reset() -> None:
        connection, _ = listener.accept()
        connection.recv(1)
        # With nothing to linger for, closing sends a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    thread = threading.Thread(target=reset)
    thread.start()
    where = target(f"http://127.0.0.1:{listener.getsockname()[1]}/", LOOPBACK, ())

    outcome = post(where, LOOPBACK, b"{}" * 1000, {})

    thread.join()
    listener.close()
    assert not outcome.delivered
    assert "no answer, or a broken one" in outcome.error


def expired_certificate(folder: Path) -> Path:
    """Write a certificate of localhost that ran out yesterday, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "expired.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_a_receiver_whose_certificate_has_expired_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = expired_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # it is trusted but for its date
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            received.append(tls.wrap_socket(connection, server_side=True).recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    where = target(f"https://localhost:{listener.getsockname()[1]}/", LOOPBACK, ())

    outcome = post(where, LOOPBACK, b"{}", {}, resolver=answering("127.0.0.1"))

    thread.join()
    listener.close()
    assert not outcome.delivered
    assert "certificate has expired" in outcome.error
    assert received in ([], [b""])
