"""The collector's settings: arguments, then TOLLBOOK_* variables, then the defaults below."""

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

GIBIBYTE: Final = 1024**3
# The tenant of a collector without keys.
OPEN_TENANT: Final = "default"


def _listening_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{value!r} is not HOST:PORT, as in 127.0.0.1:4318")
    return value


Address = Annotated[str, AfterValidator(_listening_address)]


class Settings(BaseSettings):
    """What a collector is told; unknown or wrong values are errors at start.

    Attributes:
        data: Directory of the spool and of the embedded store.
        policy: tollbook.toml, what people decide; one that does not exist decides nothing.
        otlp_http: Where OTLP over HTTP is received, HOST:PORT; port 0 takes a free one.
        otlp_grpc: Where OTLP over gRPC is received, HOST:PORT.
        api: Where questions are answered, HOST:PORT.
        clickhouse_url: A ClickHouse of yours, as http://host:8123; empty: the embedded store.
        clickhouse_user: Its user.
        clickhouse_password: That user's password.
        clickhouse_database: The database for tollbook's tables.
        clickhouse_cluster: Name of a cluster in that server's configuration: tables are replicated
            and spread over it; empty: the server stands alone.
        key_pepper: 32 bytes in hexadecimal under which keys are hashed, the same for all collectors
            of a fleet; empty: a random one, kept in the data directory.
        log_level: What is written to standard error: DEBUG, INFO, WARNING or ERROR, and above.
        log_format: text for people, json for machines.
        tls_certificate: File of the certificate for all three ports, PEM; empty: no TLS.
        tls_key: File of its key, PEM.
        tls_client_ca: File of the authorities that sign senders' certificates, PEM; those who send
            OTLP must then have one. Empty: they need none.
        proxies: Addresses or networks of proxies, by commas, whose X-Forwarded-For is believed.
        first_key: A key that manages the keys of all tenants from the first start on, as `tollbook
            keys create` prints one; empty: none.
        oidc_secret: Secret of this collector at the identity provider that [login] names.
        canary_every_s: Seconds between two spans of the collector's own that it looks for in its
            store; 0: it sends none.
        spool_bytes_max: Bytes that wait for the store before requests are refused.
        spool_age_max_days: Days that a request waits for the store before it is given up.
    """

    model_config = SettingsConfigDict(env_prefix="TOLLBOOK_", frozen=True, extra="forbid")

    data: Path = Path("tollbook-data")
    policy: Path = Path("tollbook.toml")
    otlp_http: Address = "127.0.0.1:4318"
    otlp_grpc: Address = "127.0.0.1:4317"
    api: Address = "127.0.0.1:4319"
    clickhouse_url: str = Field(default="", pattern=r"^(https?://[^/?#]+/?)?$")
    clickhouse_user: str = "default"
    clickhouse_password: str = Field(default="", repr=False)
    clickhouse_database: str = Field(default="tollbook", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    clickhouse_cluster: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_-]*)?$")
    key_pepper: str = Field(default="", repr=False)
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda v: str(v).upper())
    ] = "WARNING"
    log_format: Literal["text", "json"] = "text"
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    proxies: str = ""
    first_key: str = Field(default="", repr=False)
    oidc_secret: str = Field(default="", repr=False)
    canary_every_s: float = Field(default=15.0, ge=0, le=3_600)
    spool_bytes_max: int = Field(default=4 * GIBIBYTE, ge=64 * 1024 * 1024)
    spool_age_max_days: float = Field(default=30, gt=0, le=3650)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(address: str) -> bool:
    """Return whether HOST:PORT can be reached from this machine only."""
    host, _ = split_address(address)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AskingSettings(BaseSettings):
    """What the commands that ask a collector are told.

    Attributes:
        api_key: Sent with each question, TOLLBOOK_API_KEY; empty: none.
    """

    model_config = SettingsConfigDict(env_prefix="TOLLBOOK_", frozen=True)

    api_key: str = Field(default="", repr=False)
