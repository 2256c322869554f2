"""Content of a call, where a program has chosen that it may leave: taken here, read in messages.py.

What was asked is copied on the caller's path, as the caller may change it; texts are not copied, as
nothing can change them. What was answered is kept, and becomes text on the export thread.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from tollbook.estimate import ASKED_FIELDS, SYSTEM_FIELDS

NODES_MAX: Final = 20_000  # values that are copied of one request or answer
DEPTH_MAX: Final = 32
EVENTS_MAX: Final = 16_384  # of one stream that are kept
EVENT_BYTES: Final = 512  # that a kept event takes, about
BODY_BYTES_MAX: Final = 4 * 2**20  # of a request that is JSON already


class Taken:
    """What was asked and answered in one call.

    Attributes:
        prompt: The fields of the request that hold its prompt; plain values.
        answer: The whole answer, plain values; None where there is none.
        events: The events of a stream, as the library made them.
        size_bytes: About how much memory it all takes.
    """

    __slots__ = ("_keeps_answer", "answer", "events", "prompt", "size_bytes")

    def __init__(self, body: Mapping[str, Any], fields: frozenset[str]) -> None:
        self._keeps_answer = not fields.isdisjoint(("answers", "tools"))
        names = (*ASKED_FIELDS, *SYSTEM_FIELDS)
        copied = _Copy()
        self.prompt = {name: copied.of(body[name]) for name in names if name in body}
        self.answer: Any = None
        self.events: list[Any] = []
        self.size_bytes = copied.size_bytes

    def answered(self, result: Any) -> None:
        """Keep a whole answer; what is a stream or a response of HTTP is not one."""
        if self._keeps_answer and (
            isinstance(result, Mapping) or hasattr(type(result), "model_fields")
        ):
            copied = _Copy()
            self.answer = copied.of(result)
            self.size_bytes += copied.size_bytes

    def saw(self, event: Any) -> None:
        """Keep an event of a stream."""
        if self._keeps_answer and len(self.events) < EVENTS_MAX:
            self.events.append(event)
            self.size_bytes += EVENT_BYTES


class _Copy:
    """Copies plain values, and the fields of models; anything else becomes None."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._nodes = 0

    def of(self, value: Any, depth: int = 0) -> Any:
        """Return a copy within the limits."""
        self._nodes += 1
        kind = type(value)
        if kind is str:
            self.size_bytes += len(value)
            return value
        if kind in (int, float, bool) or value is None:
            return value
        if self._nodes > NODES_MAX or depth > DEPTH_MAX:
            return None
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, Mapping):
            return {str(k): self.of(v, depth + 1) for k, v in value.items() if isinstance(k, str)}
        if isinstance(value, list | tuple):
            return [self.of(item, depth + 1) for item in value]
        fields = getattr(value, "__dict__", None) if hasattr(kind, "model_fields") else None
        if fields is not None:
            return {name: self.of(item, depth + 1) for name, item in fields.items()}
        return None


def plain(value: Any) -> Any:
    """Return an event or an answer as plain values."""
    for name in ("payload", "body"):  # botocore's and google-genai's hold their JSON
        raw = getattr(value, name, None)
        if isinstance(raw, bytes | str):
            return json.loads(raw)
    return _Copy().of(value)


def body_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body of a request, wherever a client library passes it; empty if it is nowhere.

    Args:
        args: The arguments of the library's request method.
        kwargs: Those with names.
    """
    for value in (*args, *kwargs.values()):
        more = getattr(value, "extra_json", None)  # what a program adds to a request of Stainless'
        if isinstance(more, Mapping) and isinstance(value.json_data, Mapping):
            return {**value.json_data, **more}
        for candidate in (value, getattr(value, "json_data", None), getattr(value, "json", None)):
            if isinstance(candidate, Mapping) and _has_prompt(candidate):
                return candidate
        # What Bedrock's InvokeModel is given, and a request of httpx, are JSON already.
        raw = value.get("body") if isinstance(value, Mapping) else getattr(value, "_content", None)
        if isinstance(raw, bytes | str) and 0 < len(raw) <= BODY_BYTES_MAX:
            decoded = json.loads(raw)
            if isinstance(decoded, Mapping) and _has_prompt(decoded):
                return decoded
    return kwargs if _has_prompt(kwargs) else {}


def _has_prompt(body: Mapping[str, Any]) -> bool:
    return any(name in body for name in ASKED_FIELDS)
