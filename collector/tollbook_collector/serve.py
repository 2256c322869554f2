"""A collector's process: where it listens, by which TLS, and how it ends.

SIGTERM and SIGINT end it: no new connection is taken, requests under way are answered, what is in
the spool is loaded, and all of it takes no more than 20 s, see ending.py. A sender that is turned
away sends again, to this collector's next start or to another one; nothing that was acknowledged
is lost.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from tollbook_collector.answer.api import create_api
from tollbook_collector.app import Collector
from tollbook_collector.ending import LISTENING_ENDS_S, Ending
from tollbook_collector.intake.connection import Connection
from tollbook_collector.intake.grpc import AddressInUse, GrpcDoor, GrpcTls
from tollbook_collector.intake.http import HttpDoor
from tollbook_collector.settings import Settings, is_loopback, split_address
from tollbook_collector.store.canary_post import through_door, through_socket

BACKLOG_CONNECTIONS: Final = 512
# More connections at a time are answered 503.
CONNECTIONS_MAX: Final = 1024
KEEP_ALIVE_S: Final = 5

log = logging.getLogger(__name__)


class KeysNeeded(Exception):
    """The collector would listen to other machines, and has no keys by which to let them in."""


class TlsUnusable(Exception):
    """A certificate or a key cannot be read, or they do not belong together."""


@dataclass(frozen=True)
class Addresses:
    """Where a running collector can be reached."""

    otlp_http: str
    otlp_grpc: str
    api: str
    store: str
    open: bool


async def serve(settings: Settings, on_ready: Callable[[Addresses], None]) -> None:
    """Run a collector until SIGTERM or SIGINT.

    Args:
        settings: What it is told.
        on_ready: Called once everything listens and the store answers or is being tried.

    Raises:
        AddressInUse: A port belongs to another program; nothing was started.
        KeysNeeded: An address is not this machine's own, and there are no keys.
        TlsUnusable: The files of the certificate cannot be used; nothing was started.
    """
    tls = _check_tls(settings)
    http_socket = _listen(settings.otlp_http)
    api_socket = _listen(settings.api)
    collector = Collector(settings)
    ending, loop = Ending(), asyncio.get_running_loop()
    # The loop's own threads may all be asking a store that hangs.
    own = ThreadPoolExecutor(2, "tollbook-serve")
    try:
        if collector.keyring.open and not settings.clickhouse_url:
            # The disk knows all keys of an embedded store.
            _refuse_other_machines(settings)
        await loop.run_in_executor(own, collector.open_store)
        if collector.keyring.open:
            _refuse_other_machines(settings)
        grpc = GrpcDoor(collector.door, collector.gate, settings.otlp_grpc, tls)
        grpc_port = await grpc.start()
        door = HttpDoor(collector.door, collector.gate)
        # People who ask have keys, and browsers seldom have certificates.
        servers = [
            _server(door, settings, settings.tls_client_ca),
            _server(create_api(collector), settings, ""),
        ]
        stopping = _stop_on_signal()
        _keep_what_is_loaded()
        tasks = [
            asyncio.create_task(server.serve([listener]))
            for server, listener in zip(servers, (http_socket, api_socket), strict=True)
        ]
        collector.canary.attach(
            through_door(door, loop)
            if settings.tls_client_ca
            else through_socket(_url(http_socket, tls), settings.tls_certificate)
        )
        grpc_host, _ = split_address(settings.otlp_grpc)
        store = collector.embedded.address.url if collector.embedded else settings.clickhouse_url
        on_ready(
            Addresses(
                _url(http_socket, tls),
                f"{grpc_host}:{grpc_port}",
                _url(api_socket, tls),
                store,
                collector.keyring.open,
            )
        )
        await stopping.wait()
        ending.begin()
        log.info("stopping: no new requests, the spool is loaded")
        for server in servers:
            server.should_exit = True
        resting = loop.run_in_executor(own, collector.rest, ending)
        with ending.step("listening"):
            await asyncio.gather(grpc.stop(LISTENING_ENDS_S), *tasks, resting)
    finally:
        await loop.run_in_executor(own, collector.close, ending)
        own.shutdown(wait=False)
        ending.close()


def _keep_what_is_loaded() -> None:
    """Leave all objects that a start made out of garbage collection: they stay until the end.

    Each full collection would look through them, and hold the loop (measured: 143,000 objects, 91
    ms on a busy machine; afterwards 0.0).
    """
    gc.collect()
    gc.freeze()


def _refuse_other_machines(settings: Settings) -> None:
    for address in (settings.otlp_http, settings.otlp_grpc, settings.api):
        if not is_loopback(address):
            raise KeysNeeded(
                f"{address} can be reached from other machines, and there are no keys by which to"
                f" let them in: make one with `tollbook keys create --data {settings.data}"
                " --tenant NAME --scope ingest`, give one in TOLLBOOK_FIRST_KEY, or listen on"
                " 127.0.0.1"
            )


def _check_tls(settings: Settings) -> GrpcTls | None:
    """Return what the certificate is, tried once, as uvicorn's own messages name no file."""
    given = (settings.tls_certificate, settings.tls_key)
    if not any(given):
        if settings.tls_client_ca:
            raise TlsUnusable("TOLLBOOK_TLS_CLIENT_CA needs TOLLBOOK_TLS_CERTIFICATE beside it")
        return None
    if not all(given):
        raise TlsUnusable("TOLLBOOK_TLS_CERTIFICATE and TOLLBOOK_TLS_KEY are given both or neither")
    names = f"{settings.tls_certificate} and {settings.tls_key}"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, lambda: "")
        contents = [_content(path) for path in (*given, settings.tls_client_ca)]
        if settings.tls_client_ca:
            names = settings.tls_client_ca
            context.load_verify_locations(settings.tls_client_ca)
    except OSError as error:  # ssl.SSLError is one
        raise TlsUnusable(f"{names} cannot be used for TLS: {error}") from error
    return GrpcTls(*contents)


def _content(path: str) -> bytes:
    if not path:
        return b""
    return Path(path).read_bytes()


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the collector, of which it is one of two."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(application: Any, settings: Settings, client_ca: str) -> uvicorn.Server:
    return _QuietServer(
        uvicorn.Config(
            application,
            http=Connection,
            limit_concurrency=CONNECTIONS_MAX,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who is asking is what a proxy says only where people say that it is theirs.
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies,
            ssl_certfile=settings.tls_certificate or None,
            ssl_keyfile=settings.tls_key or None,
            ssl_ca_certs=client_ca or None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=round(LISTENING_ENDS_S),
        )
    )


def _listen(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressInUse(
            f"cannot listen on {address}: {error.strerror}; is another collector running?"
            " Choose other ports with --otlp-http, --otlp-grpc and --api"
        ) from error
    listener.listen(BACKLOG_CONNECTIONS)
    return listener


def _url(listener: socket.socket, tls: GrpcTls | None) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _stop_on_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
