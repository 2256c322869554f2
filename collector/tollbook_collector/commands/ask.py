"""Asks a running collector, for the command line."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from tollbook_collector.settings import AskingSettings

TIMEOUT_S: Final = 60.0
# Of an answer that is written to a file.
PIECE_BYTES: Final = 1 << 16
UNAUTHORIZED: Final = 401


class CollectorAway(Exception):
    """No collector answers at an address."""


class CollectorRefused(Exception):
    """The collector answered that it will not; the message is its reason."""


def ask(
    api: str,
    path: str,
    body: str | None = None,
    media_type: str = "text/plain",
    timeout_s: float = TIMEOUT_S,
    **parameters: str | list[str],
) -> bytes:
    """Return the body of an answer; see `send`."""
    method = "GET" if body is None else "POST"
    return send(api, method, path, body, media_type, timeout_s, **parameters)


def send(
    api: str,
    method: str,
    path: str,
    body: str | None = None,
    media_type: str = "application/json",
    timeout_s: float = TIMEOUT_S,
    **parameters: str | list[str],
) -> bytes:
    """Return the body of an answer, asked with the key of TOLLBOOK_API_KEY.

    Args:
        api: Address of the API, as http://127.0.0.1:4319.
        method: Of HTTP.
        path: As /v1/spend.
        body: What is sent; None: nothing.
        media_type: Of the body.
        timeout_s: Seconds of silence after which nobody answers.
        parameters: Of the query; a list is given once for each value.

    Raises:
        CollectorAway: Nothing answers there.
        CollectorRefused: The answer is an error.
    """
    with _answered(api, method, path, parameters, body, media_type, timeout_s) as answer:
        return bytes(answer.read())


def ask_json(api: str, path: str, **parameters: str | list[str]) -> Any:
    """Return an answer that is JSON; see `ask`."""
    return json.loads(ask(api, path, None, "text/plain", TIMEOUT_S, **parameters))


def save(
    api: str,
    path: str,
    file: Path,
    told: Callable[[int], None] = lambda written: None,
    **parameters: str | list[str],
) -> int:
    """Write an answer to a file, piece by piece, and return its bytes; nothing is left of half one.

    Args:
        api: Address of the API.
        path: As /v1/focus.
        file: Where it is written.
        told: Called after each piece with the bytes written so far.
        parameters: Of the query.

    Raises:
        CollectorAway: Nothing answers there, or it broke off.
        CollectorRefused: The answer is an error, or the file cannot be written.
    """
    beside = file.with_name(f"{file.name}.part")
    try:
        with _answered(api, "GET", path, parameters) as answer, beside.open("wb") as target:
            while piece := answer.read(PIECE_BYTES):
                target.write(piece)
                told(target.tell())
            written = target.tell()
        beside.replace(file)
    except OSError as error:
        raise CollectorRefused(f"{file} cannot be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return written


@contextlib.contextmanager
def _answered(
    api: str,
    method: str,
    path: str,
    parameters: Mapping[str, str | list[str]],
    body: str | None = None,
    media_type: str = "text/plain",
    timeout_s: float = TIMEOUT_S,
) -> Iterator[HTTPResponse]:
    url = f"{api.rstrip('/')}{path}?{urlencode(parameters, doseq=True)}"
    if not url.startswith(("http://", "https://")):
        raise CollectorRefused(f"{api!r} is not an address, as in http://127.0.0.1:4319")
    data = None if body is None else body.encode()
    request = Request(url, data=data, headers={"content-type": media_type}, method=method)
    if key := AskingSettings().api_key:
        request.add_header("authorization", f"Bearer {key}")
    try:
        opened = _opener(url).open(request, timeout=timeout_s)
    except HTTPError as error:
        said = _reason(error.read(), error.code)
        if error.code == UNAUTHORIZED:
            said += "; the commands send the one in TOLLBOOK_API_KEY"
        raise CollectorRefused(said) from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise CollectorAway(
            f"no collector answers at {api} ({reason}); start one with `tollbook up`,"
            " or name another with --api"
        ) from error
    with opened as answer:
        try:
            yield answer
        except (HTTPException, ConnectionError, TimeoutError) as error:
            raise CollectorAway(f"the answer of {api} broke off: {error}") from error


def tell_json(api: str, path: str, body: Any) -> Any:
    """Send JSON by POST and return the answer, which is JSON; see `ask` for what it raises."""
    return json.loads(ask(api, path, json.dumps(body), "application/json"))


def _opener(url: str) -> OpenerDirector:
    """Return what opens an address: a proxy of the environment never stands before this machine."""
    host = urlsplit(url).hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    return build_opener(ProxyHandler({})) if here else build_opener()


def _reason(body: bytes, status: int) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return f"the collector answered {status}"
    return str(answer.get("error") or answer.get("faults") or answer.get("detail") or answer)
