"""Where a store listens and what a client needs to reach it."""

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Final

LISTEN_DEFAULT: Final = "127.0.0.1:8123"
BACKLOG_CONNECTIONS: Final = 512
# Where the process tells what it has counted; no path of ClickHouse's.
COUNTS_PATH: Final = "/counts"


@dataclass(frozen=True)
class StoreAddress:
    """How to connect to a store with any client of ClickHouse's HTTP interface."""

    url: str
    user: str
    password: str = field(repr=False)
    # False where the kernel could not confine the engine: SQL of users must stay off.
    sandboxed: bool


def listen_on(listen: str) -> socket.socket:
    """Return a socket that listens on HOST:PORT; port 0 takes a free one.

    Raises:
        ValueError: If the text is not HOST:PORT.
        OSError: If the address is taken or not of this machine.
    """
    host, separator, port = listen.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{listen!r} is not HOST:PORT, such as {LISTEN_DEFAULT}")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(BACKLOG_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
