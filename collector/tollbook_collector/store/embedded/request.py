"""A request of ClickHouse's HTTP interface: its address, headers and parameters, checked.

Sessions. `clickhouse-connect` makes up a `session_id` in every client by default, as other tools
do, and hardly one of them ever leaves anything in its session. The store keeps no session: each
request has a fresh handle of the engine, so nothing leaks from one to the next. An unknown
`session_id` is therefore accepted, which is what ClickHouse does too, and what would be wrong
without a session is refused with a sentence: `SET`, `USE`, temporary tables, and `session_check=1`,
which asks for a session that exists.
"""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from tollbook_collector.store.embedded.failure import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    SESSION_NOT_FOUND,
    UNKNOWN_ROLE,
    QueryFailed,
)
from tollbook_collector.store.embedded.handover import HANDED_HEADER

USER: Final = "default"
DEFAULT_FORMAT: Final = "TabSeparated"
PARAMETER_PREFIX: Final = "param_"
# Parameters of the interface itself; every other one is a setting of the engine's.
INTERFACE_PARAMETERS: Final = frozenset(
    {
        "buffer_size",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
# Settings that only a server's HTTP interface acts upon: they are read here, not by the engine.
INTERFACE_SETTINGS: Final = frozenset(
    {
        "cancel_http_readonly_queries_on_client_close",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "send_progress_in_http_headers",
    }
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True)
class Request:
    """One request, before its body. `query` is the text in the address, without the body's.

    `settings` are the engine's settings and `parameters` the values of `{name:Type}` in
    ClickHouse's escaped form, both by bare name; bytes outside of UTF-8 are surrogates. `handed`
    names the file that is the body of an INSERT, if it is one.
    """

    method: str
    query: bytes
    settings: dict[str, str]
    parameters: dict[str, str]
    database: str
    default_format: str
    query_id: str
    content_encoding: str
    accept_encoding: str
    content_type: str
    handed: str
    wait_end_of_query: bool


def read_address(query_string: bytes) -> dict[str, str]:
    """Read the parameters of an address.

    A parameter given twice counts as its last, but for `query`, whose texts are joined.
    """
    values: dict[str, str] = {}
    for pair in query_string.split(b"&"):
        if pair:
            key, _, value = pair.partition(b"=")
            name = _text(key)
            values[name] = (values.get(name, "") if name == "query" else "") + _text(value)
    return values


def authenticate(
    values: Mapping[str, str], headers: Mapping[str, str], secret: str
) -> QueryFailed | None:
    """Check every credential of a request; return the failure, None if the request may pass.

    Basic, Bearer, the headers of ClickHouse and the parameters of the address are all accepted;
    where a request has several of them, each must be right.
    """
    found = list(_credentials(values, headers))
    # Both are compared whatever the first one gave, so that time tells nothing about either.
    right = [
        hmac.compare_digest(user.encode("utf-8", "surrogateescape"), USER.encode())
        & hmac.compare_digest(password.encode("utf-8", "surrogateescape"), secret.encode())
        for user, password in found
    ]
    if right and all(right):
        return None
    user = found[0][0] if found else USER
    return QueryFailed(
        AUTHENTICATION_FAILED,
        f"{user}: Authentication failed: password is incorrect, or there is no user with such name",
    )


def has_credentials(values: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Return whether the request tried to say who it is."""
    return any(True for _ in _credentials(values, headers))


def read_request(method: str, values: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    """Read a request from its parameters and headers (names in lower case).

    Raises:
        QueryFailed: If it asks for what the store does not have.
    """
    _refuse_unsupported(values)
    settings = {
        name: value
        for name, value in values.items()
        if name
        and name not in INTERFACE_PARAMETERS
        and name not in INTERFACE_SETTINGS
        and not name.startswith(PARAMETER_PREFIX)
    }
    for name in settings:
        if not _NAME.fullmatch(name):
            raise QueryFailed(BAD_ARGUMENTS, f"Setting name {name!r} is not an identifier")
    return Request(
        method=method,
        query=values.get("query", "").encode("utf-8", "surrogateescape"),
        settings=settings,
        parameters=read_parameters(values.items()),
        database=headers.get("x-clickhouse-database") or values.get("database", ""),
        default_format=headers.get("x-clickhouse-format")
        or values.get("default_format")
        or DEFAULT_FORMAT,
        query_id=values.get("query_id") or str(uuid.uuid4()),
        content_encoding=headers.get("content-encoding", "").strip().lower(),
        accept_encoding=headers.get("accept-encoding", "")
        if _true(values.get("enable_http_compression", "1"))
        else "",
        content_type=headers.get("content-type", ""),
        handed=headers.get(HANDED_HEADER.lower(), ""),
        wait_end_of_query=_true(values.get("wait_end_of_query", "")),
    )


def read_parameters(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the query parameters among the values, by bare name.

    Raises:
        QueryFailed: If a name is not an identifier.
    """
    parameters = {}
    for key, value in values:
        if key.startswith(PARAMETER_PREFIX):
            name = key.removeprefix(PARAMETER_PREFIX)
            if not _NAME.fullmatch(name):
                raise QueryFailed(BAD_ARGUMENTS, f"Parameter name {name!r} is not an identifier")
            parameters[name] = value
    return parameters


def read_form(body: bytes, content_type: str) -> dict[str, bytes]:
    """Read a multipart form: the query and its parameters, by field name.

    Raises:
        QueryFailed: If the form has no boundary or carries an external table.
    """
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise QueryFailed(BAD_ARGUMENTS, f"The form has no boundary: {content_type!r}")
    fields: dict[str, bytes] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1"))
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        key = name[1].decode("utf-8", "surrogateescape") if name else ""
        if key != "query" and not key.startswith(PARAMETER_PREFIX):
            raise QueryFailed(
                NOT_IMPLEMENTED,
                f"External table {key!r}: the embedded store takes none; insert the rows into a "
                "table, or pass them as an array parameter and use arrayJoin",
            )
        fields[key] = content
    return fields


def _refuse_unsupported(values: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if _true(values.get(name, "")):
            raise QueryFailed(
                NOT_IMPLEMENTED,
                f"{name}=1 asks for ClickHouse's native compression blocks, which the embedded "
                "store does not speak; use HTTP compression (Content-Encoding, Accept-Encoding "
                "with enable_http_compression=1) or none",
            )
    if _true(values.get("session_check", "")):
        session = values.get("session_id", "")
        raise QueryFailed(
            SESSION_NOT_FOUND,
            f"Session {session!r} not found: the embedded store keeps no sessions",
        )
    if "role" in values:
        raise QueryFailed(
            UNKNOWN_ROLE, f"Role {values['role']!r}: the embedded store has one user and no roles"
        )


def _credentials(
    values: Mapping[str, str], headers: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        yield headers.get("x-clickhouse-user") or USER, headers.get("x-clickhouse-key", "")
    if "authorization" in headers:
        scheme, _, credentials = headers["authorization"].partition(" ")
        if scheme.lower() == "basic":
            try:
                plain = base64.b64decode(credentials, validate=True)
            except binascii.Error:
                plain = b""
            user, _, password = plain.decode("utf-8", "surrogateescape").partition(":")
            yield user or USER, password
        else:
            yield USER, credentials.strip() if scheme.lower() == "bearer" else ""
    if "user" in values or "password" in values:
        yield values.get("user") or USER, values.get("password", "")


def _text(encoded: bytes) -> str:
    return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def _true(value: str) -> bool:
    return value.lower() not in {"", "0", "false", "no", "off"}
