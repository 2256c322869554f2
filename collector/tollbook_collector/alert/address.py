"""Where webhooks may go: checked as the file is read, and again at the address connected to.

A name is resolved once and the connection goes to an address that was checked, so a name that
answers differently the second time leads nowhere. Addresses that are not everybody's (this machine,
private networks, link-local with the clouds' metadata, and what wraps them) are refused unless a
webhook names their network.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

URL_CHARACTERS_MAX: Final = 2_048
HTTPS_PORT: Final = 443
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# Global by the registries, but they lead to addresses that are not: translations and tunnels.
WRAPPING: Final[tuple[Network, ...]] = (
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("2001::/32"),
    ipaddress.ip_network("192.0.0.0/24"),
)
_NAME: Final = re.compile(
    r"(?i)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_NUMBER: Final = re.compile(r"(?i)(0x[0-9a-f]*|[0-9]+)")


class AddressRefused(Exception):
    """A webhook may not go there; the message says why, without the path, which may be secret."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart.

    Args:
        scheme: https, or http within the networks that a webhook names.
        host: Name or address, without brackets.
        port: 1 to 65535.
        path: With the query; begins with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = HTTPS_PORT if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


def target(url: str, networks: Sequence[Network], ports: Sequence[int]) -> Target:
    """Return where a URL leads, as far as that can be said without asking a name server.

    Args:
        url: As in a webhook.
        networks: Networks that the webhook names; with one, http is allowed, to be checked again.
        ports: Ports besides 443.

    Raises:
        AddressRefused: It is no URL of a webhook.
    """
    if len(url) > URL_CHARACTERS_MAX:
        raise AddressRefused(f"the URL has {len(url)} characters, at most {URL_CHARACTERS_MAX}")
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise AddressRefused("the URL has characters that must be encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"it is not a URL: {error}") from None
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not networks):
        raise AddressRefused(
            f"the scheme is {parts.scheme!r}; https is allowed, and http within `networks`"
        )
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise AddressRefused("the URL has a user or password in it")
    if parts.fragment:
        raise AddressRefused("the URL has a fragment")
    port = port if port is not None else (HTTPS_PORT if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    literal = _literal(host)
    if literal is not None:
        _check(literal, networks)
    named = literal is not None and any(_within(literal, network) for network in networks)
    if not named and not networks and port not in (HTTPS_PORT, *ports):
        raise AddressRefused(f"port {port} is not {HTTPS_PORT}, and not in `ports`")
    path = parts.path or "/"
    return Target(parts.scheme, host, port, path + (f"?{parts.query}" if parts.query else ""))


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, by the machine's resolver."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connect(
    where: Target,
    networks: Sequence[Network],
    timeout_s: float,
    resolver: Resolve = resolve,
    ports: Sequence[int] = (),
) -> socket.socket:
    """Return a connection to a checked address of a target.

    Raises:
        AddressRefused: One of the addresses of the name is not allowed.
        OSError: Nobody answers there, or the name has no address.
    """
    addresses = [
        ipaddress.ip_address(text.split("%")[0]) for text in resolver(where.host, where.port)
    ]
    if not addresses:
        raise AddressRefused(f"{where.host} has no address")
    for address in addresses:
        # All of them: a name with one good address could be given a bad one as its second.
        _check(address, networks)
        named = any(_within(address, network) for network in networks)
        if not named and (where.scheme != "https" or where.port not in (HTTPS_PORT, *ports)):
            raise AddressRefused(
                f"{where.host} is outside of `networks`, where only https on port {HTTPS_PORT}"
                " or one of `ports` is allowed"
            )
    failure: OSError | None = None
    for address in addresses:
        try:
            connection = socket.create_connection((str(address), where.port), timeout_s)
        except OSError as error:
            failure = error
            continue
        peer: Any = connection.getpeername()[0]
        if ipaddress.ip_address(str(peer).split("%")[0]) != address:
            connection.close()
            raise AddressRefused(f"{where.host} was connected to another address than checked")
        return connection
    assert failure is not None
    raise failure


def _literal(host: str) -> Address | None:
    """Return the address that a host is, None for a name; other spellings of one are refused."""
    if "%" in host:
        raise AddressRefused("the address has a zone")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not host or len(host) > 253 or not _NAME.fullmatch(host):
        raise AddressRefused(f"{host[:80]!r} is not the name of a host")
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        # 127.1, 0177.0.0.1 and 2130706433 are addresses to a resolver.
        raise AddressRefused(f"{host!r} is an address in disguise")
    return None


def _check(address: Address, networks: Sequence[Network]) -> None:
    plain = _unwrapped(address)
    if any(_within(plain, network) for network in networks):
        return
    if not plain.is_global or plain.is_multicast or any(_within(plain, n) for n in WRAPPING):
        raise AddressRefused(
            f"{address} is not an address of everybody's; if it is meant, name its network in"
            " `networks` of the webhook"
        )


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
