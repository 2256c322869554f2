"""Tags and runs across services, by the headers of W3C Trace Context and Baggage.

Off until a program asks for it: `inject` writes the headers of a request that it makes, `remote`
takes those of one that it got. The headers leave the process in the clear, so only tags that are
named go along.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, unquote

from tollbook import attributes as names
from tollbook.agent_run import RUN_ID_CHARS_MAX, RUN_NAME_CHARS_MAX, Run
from tollbook.parent import parent_of
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, SpanIds, enter, leave
from tollbook.tag import TAGS_MAX, limited
from tollbook.tally import FAULT, TAG_DROPPED

BAGGAGE_BYTES_MAX: Final = 8192  # of the header, by the W3C's text; what is over is left out
TRACE_ID_DIGITS: Final = 32
SPAN_ID_DIGITS: Final = 16
VERSION: Final = "00"
SAMPLED: Final = "01"


def inject(headers: MutableMapping[str, str], *, tags: Iterable[str] = ()) -> None:
    """Add `baggage` and, where there is none, `traceparent` to the headers of a request.

    The run's id and name always go along; members of a `baggage` that is there already stay.

    Args:
        headers: Headers by name.
        tags: Names of tags that may leave the service.

    Never raises.
    """
    try:
        scope = CURRENT.get()
        members: dict[str, str] = {}
        if scope.run is not None:
            members[names.RUN_ID] = scope.run.id
            members[names.RUN_NAME] = scope.run.name
        for tag in tags:
            if tag in scope.tags:
                members[names.TAG_PREFIX + tag] = scope.tags[tag]
        text = ",".join(f"{quote(key)}={quote(value)}" for key, value in members.items())
        before = next((name for name in headers if name.lower() == "baggage"), None)
        joined = f"{headers[before]},{text}" if before is not None and headers[before] else text
        if len(joined) > BAGGAGE_BYTES_MAX:
            PROCESS.losses.count(TAG_DROPPED)
        elif text:
            headers[before or "baggage"] = joined
        parent = parent_of(scope)
        if parent is not None and not any(name.lower() == "traceparent" for name in headers):
            headers["traceparent"] = f"{VERSION}-{parent[0]:032x}-{parent[1]:016x}-{SAMPLED}"
    except Exception:
        PROCESS.losses.count(FAULT)


class Remote:
    """The block that `remote()` returns: inside, calls belong to the run that asked."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __enter__(self) -> None:
        changes: dict[str, Any] = {}
        try:
            headers = {str(name).lower(): str(value) for name, value in self._headers.items()}
            members = members_of(headers.get("baggage", ""))
            parent = parent_from(headers.get("traceparent", ""))
            prefix = names.TAG_PREFIX
            tags = {k.removeprefix(prefix): v for k, v in members.items() if k.startswith(prefix)}
            changes = {
                "tags": limited(CURRENT.get().tags, tags, PROCESS.losses),
                "parent": parent,
            }
            if members.get(names.RUN_ID):
                changes["run"] = remote_run(members, parent)
        except Exception:
            PROCESS.losses.count(FAULT)
            changes = {}
        enter(self, **changes)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not leave(self):
            PROCESS.losses.count(FAULT)


def remote(headers: Mapping[str, str]) -> Remote:
    """Continue, in a block, the run and the tags that another service sent with `inject`.

    Args:
        headers: Headers of the request that is being served. They are taken at their word, so use
            it only where the callers are yours.

    Never raises.
    """
    return Remote(headers)


def remote_run(members: Mapping[str, str], parent: SpanIds | None) -> Run:
    """Return the run of another service; its span is there, and never ends here."""
    run = Run(
        members.get(names.RUN_NAME, "")[:RUN_NAME_CHARS_MAX],
        members[names.RUN_ID][:RUN_ID_CHARS_MAX],
    )
    if parent is not None:
        run.ids = parent
    return run


def members_of(header: str) -> Mapping[str, str]:
    """Return the members of a `baggage` header, without their properties."""
    members: dict[str, str] = {}
    for member in header[:BAGGAGE_BYTES_MAX].split(",")[: 2 * TAGS_MAX]:
        key, equals, value = member.partition(";")[0].partition("=")
        if equals:
            members[unquote(key.strip())] = unquote(value.strip())
    return members


def parent_from(header: str) -> SpanIds | None:
    """Return trace and span id of a `traceparent` header, None where it is not one."""
    parts = header.strip().split("-")
    if len(parts) < 4 or (len(parts[1]), len(parts[2])) != (TRACE_ID_DIGITS, SPAN_ID_DIGITS):
        return None
    try:
        trace_id, span_id = int(parts[1], 16), int(parts[2], 16)
    except ValueError:
        return None
    return (trace_id, span_id) if trace_id and span_id else None
