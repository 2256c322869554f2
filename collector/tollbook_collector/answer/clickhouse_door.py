"""A door for tools that speak ClickHouse's HTTP interface: BI, SQLAlchemy, Grafana; for reading.

The key is the password, whatever the user; the tenant comes from it. What a tool asks passes the
same walls as any SQL of users; of the catalog it sees the tables for users and their columns. It is
reached at `/clickhouse`, and at `/` by what such tools send there.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tollbook_collector.answer.guard import SqlRefused
from tollbook_collector.answer.tenant import AnalystTenant
from tollbook_collector.answer.user_sql import SqlIsOff, UserSql
from tollbook_collector.store.client import StoreRefused, StoreUnavailable

PATH: Final = "/clickhouse"
BODY_BYTES_MAX: Final = 262_144
FORMATS: Final = frozenset(
    {
        "Arrow",
        "ArrowStream",
        "CSV",
        "CSVWithNames",
        "CSVWithNamesAndTypes",
        "JSON",
        "JSONCompact",
        "JSONCompactEachRow",
        "JSONCompactEachRowWithNamesAndTypes",
        "JSONEachRow",
        "Native",
        "Parquet",
        "Pretty",
        "PrettyCompact",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "TSV",
        "TSVWithNames",
        "TSVWithNamesAndTypes",
        "TabSeparated",
        "TabSeparatedWithNames",
        "TabSeparatedWithNamesAndTypes",
        "Vertical",
    }
)
DEFAULT_FORMAT: Final = "TabSeparated"
# ClickHouse's codes: syntax error, access denied, unknown format, timeout of the network.
SYNTAX_ERROR, ACCESS_DENIED, UNKNOWN_FORMAT, NETWORK_ERROR = 62, 497, 73, 210

_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_TABLE = r"(?:[`\"]?\w+[`\"]?\.)?[`\"]?(?P<name>\w+)[`\"]?"
_COLUMNS = (
    "name, type, default_kind AS default_type, default_expression, comment,"
    " '' AS codec_expression, '' AS ttl_expression"
)
# What tools ask in words of ClickHouse's own, and the SELECT that answers it.
_SHOWS: Final = (
    (r"SHOW\s+TABLES(?:\s+(?:FROM|IN)\s+\S+)?", "SELECT name {} system.tables ORDER BY name"),
    (r"SHOW\s+DATABASES", "SELECT name {} system.databases"),
    (
        rf"DESC(?:RIBE)?\s+(?:TABLE\s+)?{_TABLE}",
        f"SELECT {_COLUMNS} {{}} system.columns WHERE table = '<name>' ORDER BY position",
    ),
    (
        rf"EXISTS\s+TABLE\s+{_TABLE}",
        "SELECT toUInt8(count() > 0) AS result {} system.tables WHERE name = '<name>'",
    ),
    (
        rf"EXISTS\s+DATABASE\s+{_TABLE}",
        "SELECT toUInt8(count() > 0) AS result {} system.databases WHERE name = '<name>'",
    ),
)


class WrongFormat(ValueError):
    """An output format is not one of FORMATS."""


def add_clickhouse_door(api: FastAPI, user_sql: UserSql) -> None:
    """Add the door and what leads to it."""
    api.add_middleware(_AtTheRoot)

    async def ask(request: Request, tenant: AnalystTenant) -> Response:
        asked = request.query_params.get("query", "")
        if request.method == "POST":
            asked = "\n".join(filter(None, [asked, await _body(request)]))
        request.state.statement = asked
        try:
            text, format_name = split_format(asked, _default_format(request))
            pieces = await run_in_threadpool(
                lambda: _begun(user_sql.streamed(tenant, plain(text), format_name))
            )
        except WrongFormat as error:
            return _failed(400, UNKNOWN_FORMAT, str(error))
        except SqlRefused as error:
            return _failed(400, SYNTAX_ERROR, str(error))
        except SqlIsOff as error:
            return _failed(403, ACCESS_DENIED, str(error))
        except StoreRefused as error:
            return _failed(400, error.code, str(error))
        except StoreUnavailable as error:
            return _failed(503, error.code or NETWORK_ERROR, str(error))
        headers = {"X-ClickHouse-Format": format_name, "X-ClickHouse-Timezone": "UTC"}
        return StreamingResponse(pieces, headers=headers, media_type=_media_type(format_name))

    for path in (PATH, f"{PATH}/"):
        api.add_api_route(path, ask, methods=["GET", "POST"], include_in_schema=False)

    @api.get("/ping", include_in_schema=False)
    def ping() -> Response:
        return Response("Ok.\n", media_type="text/plain")


def plain(text: str) -> str:
    """Return the SELECT that answers SHOW, DESCRIBE and EXISTS; any other text as it is."""
    bare = text.strip().rstrip(";").strip()
    for pattern, answer in _SHOWS:
        if match := re.fullmatch(pattern, bare, re.IGNORECASE):
            name = match.groupdict().get("name") or ""
            return answer.format("FROM").replace("<name>", name)
    return text


def split_format(text: str, default: str) -> tuple[str, str]:
    """Return a text without its FORMAT clause, and the format.

    Raises:
        WrongFormat: It is not one of FORMATS.
    """
    match = _FORMAT.search(text)
    format_name = match[1] if match else default
    if format_name not in FORMATS:
        raise WrongFormat(f"there is no format {format_name} here; {', '.join(sorted(FORMATS))}")
    return (text[: match.start()] if match else text), format_name


class _AtTheRoot:
    """Leads what tools send to `/` to the door; people's browsers ask for the overview there."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            asks = scope["method"] == "POST" or b"query=" in scope["query_string"]
            if asks:
                scope = {**scope, "path": PATH, "raw_path": PATH.encode()}
        await self._application(scope, receive, send)


async def _body(request: Request) -> str:
    """Return the statement in a body: the text itself, or the field `query` of a form."""
    if "multipart/form-data" in request.headers.get("content-type", ""):
        field = (await request.form()).get("query", "")
        return field if isinstance(field, str) else ""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise SqlRefused(f"the statement has more than {BODY_BYTES_MAX} bytes")
    return bytes(body).decode("utf-8", "replace")


def _default_format(request: Request) -> str:
    given = request.headers.get("x-clickhouse-format")
    return given or request.query_params.get("default_format") or DEFAULT_FORMAT


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Return pieces of which the first has come: what the engine refuses it refuses by then."""
    first = next(pieces, b"")
    return itertools.chain([first], pieces)


def _failed(status: int, code: int, message: str) -> Response:
    text = message if message.startswith("Code:") else f"Code: {code}. DB::Exception: {message}"
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return Response(f"{text}\n", status, headers, media_type="text/plain")


def _media_type(format_name: str) -> str:
    starts: tuple[tuple[str, str], ...] = (
        ("JSONEach", "application/x-ndjson"),
        ("JSON", "application/json"),
        ("CSV", "text/csv; charset=utf-8"),
        ("T", "text/tab-separated-values; charset=utf-8"),
    )
    found = (media for start, media in starts if format_name.startswith(start))
    return next(found, "application/octet-stream")
